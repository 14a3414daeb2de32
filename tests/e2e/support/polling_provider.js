// SPDX-License-Identifier: Apache-2.0
// An ethers provider that polls, and can be put away while it does: destroy() alone rejects the poll
// that is under way, which nobody of ours awaits, and Node.js ends a process for that.
import { JsonRpcProvider } from 'ethers';

export class PollingProvider extends JsonRpcProvider {
  #pending = new Set();

  send(method, params) {
    const sent = super.send(method, params);
    this.#pending.add(sent);
    const done = () => this.#pending.delete(sent);
    sent.then(done, done);
    return sent;
  }

  /** After its listeners are gone: waits for what is under way. */
  async putAway() {
    // A poll may go on with another call once the first has been answered.
    do {
      await Promise.allSettled([...this.#pending]);
      await new Promise((resolve) => { setImmediate(resolve); });
    } while (this.#pending.size !== 0);
    this.destroy();
  }
}
