// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.hpp"
#include "frontend/handler.hpp"
#include "proxy/call.hpp"
#include "proxy/runtime.hpp"

namespace sluice::proxy {

class Worker;

/// Who asks for what, worked out once per request (or per WebSocket): the same for all calls of a
/// batch.
struct Caller {
  std::size_t chain = 0;
  std::size_t client = 0;
  /// The client's, or less by its own wish.
  policy::Priority priority = policy::Priority::kNormal;
  policy::Priority priority_wish = policy::Priority::kCritical;
  /// The configured one, or less by its own wish.
  Duration timeout = std::chrono::seconds(30);
  Duration timeout_wish = Duration::max();
  /// By whom strategy affinity goes: what the client named, its key, its connection (WebSocket) or
  /// its address; 0 is nobody.
  std::uint64_t affinity = 0;
  bool affinity_named = false;
  /// Index of the upstream that a client with `steer` asked for.
  std::optional<std::uint32_t> upstream;
  bool websocket = false;
  /// A client with `debug` wants to be told how the upstream was chosen.
  bool debug = false;
};

/// One message of a client, from its bytes to its reply: one call, or a batch whose calls run side
/// by side within a bound and are answered in their order. Lives on the worker's thread until the
/// reply is given; kept by its calls' pending work. The message's bytes stay where they are until
/// then.
class Exchange final : public net::RefCounted, public Recycled<Exchange> {
 public:
  Exchange(Worker& worker, net::Ref<Runtime> runtime, const Caller& caller,
           net::Ref<frontend::Responder> responder, std::string_view request_id,
           std::string_view address, TimePoint started);

  ~Exchange() override;

  void run(std::string_view body);
  /// In place of run(): none of it is run, each call that expects a reply gets this error. `data`
  /// is a raw token.
  void refuse(std::string_view body, int status, int code, std::string_view text,
              std::string_view data);
  /// Gives up all of it, without a reply.
  void cut();
  /// Whether any of its calls could want a second attempt.
  [[nodiscard]] bool may_hedge() const noexcept;
  void consider_hedges(TimePoint now);

  // For calls.
  [[nodiscard]] Worker& worker() noexcept { return worker_; }
  [[nodiscard]] const Snapshot& snapshot() const noexcept { return *runtime_->snapshot; }
  [[nodiscard]] ChainRuntime& chain() noexcept { return runtime_->chains[caller_.chain]; }
  [[nodiscard]] const ClientSpec& client() const noexcept {
    return runtime_->snapshot->clients[caller_.client];
  }
  [[nodiscard]] const Caller& caller() const noexcept { return caller_; }
  [[nodiscard]] TimePoint started() const noexcept { return started_; }
  [[nodiscard]] std::string_view request_id() const noexcept {
    return {request_id_.data(), request_id_size_};
  }
  /// Of the client, as text.
  [[nodiscard]] std::string_view address() const noexcept {
    return {address_.data(), address_size_};
  }
  [[nodiscard]] frontend::Responder& responder() noexcept { return *responder_; }
  [[nodiscard]] bool in_body(std::string_view part) const noexcept {
    return part.data() >= body_.data() && part.data() + part.size() <= body_.data() + body_.size();
  }
  /// Takes from the memory ceiling until the exchange ends; false when there is not so much left.
  [[nodiscard]] bool count_memory(std::uint64_t bytes) noexcept;
  [[nodiscard]] bool can_stream() const noexcept { return !batch_ && responder_->can_stream(); }

  /// Whether its reply can say how upstreams were chosen, and somebody wants to know.
  [[nodiscard]] bool wants_choice() const noexcept {
    return caller_.debug && !batch_ && !caller_.websocket;
  }
  /// One pick in words, to be told with the reply.
  void tell_choice(std::string_view words);

  /// A call has its reply: `pieces`, joined, are one JSON-RPC response object; none for a
  /// notification.
  void finished(Call& call, std::span<const std::string_view> pieces, int status);
  /// The header lines about a call, for a reply or the start of a stream; valid until the next call
  /// of it.
  [[nodiscard]] std::string_view headers(const Call& call, TimePoint now);
  /// A call has streamed its reply, or cut it.
  void streamed();

 private:
  void run_single(const jsonrpc::CallView& view);
  void run_batch(std::span<const jsonrpc::CallView> views);
  void run_more();
  void reply_batch();
  void reply_error(const jsonrpc::Message& message);
  void reply(int status, std::string_view headers, std::span<const std::string_view> pieces);
  void shed_for_memory(const jsonrpc::Message& message);
  void refuse_all(const jsonrpc::Message& message, int status, int code, std::string_view text,
                  std::string_view data);
  [[nodiscard]] const jsonrpc::Message& begin(std::string_view body);
  void hold_reply(const Call& call, std::span<const std::string_view> pieces);
  [[nodiscard]] std::string_view plain_headers();

  friend class Worker;

  void end();

  Worker& worker_;
  /// Among the worker's exchanges that have not ended.
  Exchange* newer_ = nullptr;
  Exchange* older_ = nullptr;
  /// Held from run() until the reply: calls in flight are known to connections by plain pointers
  /// only.
  net::Ref<Exchange> self_;
  net::Ref<Runtime> runtime_;
  std::string_view body_;
  const Caller caller_;
  net::Ref<frontend::Responder> responder_;
  const TimePoint started_;
  std::array<char, 64> request_id_;
  std::size_t request_id_size_ = 0;
  /// Room for an IPv6 address with its scope left out; longer ones are cut.
  std::array<char, 46> address_;
  std::size_t address_size_ = 0;
  bool batch_ = false;
  bool starting_ = false;
  std::optional<Call> single_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::unique_ptr<std::string> choice_;
  /// A reply within a batch, until all are there: a short one lies in `short_replies_`, since an
  /// allocation for each would cost as much as routing it.
  struct Held {
    std::size_t offset = 0;
    std::size_t size = 0;
    std::string long_one;
  };
  static constexpr std::size_t kShortMax = 1024;
  std::vector<Held> replies_;
  std::string short_replies_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  std::size_t done_ = 0;
  std::uint64_t held_bytes_ = 0;
  /// Taken from the memory ceiling.
  std::uint64_t counted_bytes_ = 0;
  /// Of a batch: whether any of its calls was let in, and the status of the first that was not.
  bool any_run_ = false;
  int refused_status_ = 0;
};

}  // namespace sluice::proxy
