// SPDX-License-Identifier: Apache-2.0
// JSON-RPC by Node's own http client: no library's view of things in between.
import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

/** One request; what came back as it came. */
export function request(url, { method = 'POST', headers = {}, body = '' } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request(url, {
      method, agent, headers: { 'content-type': 'application/json', ...headers },
    }, (reply) => {
      const parts = [];
      reply.on('data', (data) => parts.push(data));
      reply.on('error', reject);
      reply.on('end', () => resolve({
        status: reply.statusCode, headers: reply.headers, text: Buffer.concat(parts).toString(),
      }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** One call or batch; status, header fields and the parsed body. */
export async function post(url, payload, headers = {}) {
  const reply = await request(url, { headers, body: JSON.stringify(payload) });
  return { ...reply, json: reply.text === '' ? undefined : JSON.parse(reply.text) };
}

/** One call's result; its error is thrown. */
export async function rpc(url, method, params = []) {
  const { json } = await post(url, { jsonrpc: '2.0', id: 1, method, params });
  if (json.error) throw Object.assign(new Error(`${method}: ${json.error.message}`), json.error);
  return json.result;
}

export async function get(url) {
  return request(url, { method: 'GET' });
}
