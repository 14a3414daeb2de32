// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/chunk_decoder.hpp"
#include "http/response_parser.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "policy/connection_record.hpp"
#include "upstream/attempt.hpp"
#include "upstream/shared.hpp"

namespace sluice::upstream {

enum class CloseReason : std::uint8_t {
  kIdleTimeout,
  kAge,
  kPeerClosed,
  kExtraBytes,
  kConnectFailed,
  kTimeout,
  kProtocol,
  kAbandoned,
  kNotReusable,
  kRetired,
  kRebalanced,
  kUpstreamLost,
  kExcess,
  kBad,
  kCount,
};

[[nodiscard]] std::string_view word(CloseReason reason) noexcept;

class Connection;

/// What a connection tells its pool.
class ConnectionOwner : public net::RefCounted {
 public:
  /// `took`: how long the node took for the call that it carried; 0 when it is fresh.
  virtual void connection_idle(Connection& connection, Duration took) = 0;
  /// Its handshakes are over; if it has no call, connection_idle() follows.
  virtual void connection_established(Connection& /*connection*/) {}
  virtual void connection_closed(Connection& connection, CloseReason reason) = 0;
};

/// One HTTP/1.1 connection to a node: parked (not dialled yet, its call waits for whichever of the
/// pool's becomes free first), connecting, idle, busy with one call (or one batch of calls),
/// draining (busy for the last time), closed. Owned by its pool and by its pending operations, on
/// one worker's thread. A read is always armed, so a node's FIN is seen while idle and a reply
/// costs one receive. Does not retry, choose or judge calls: it frames, enforces the deadline it is
/// given, and keeps a record of what it has been like.
class Connection final : public net::RefCounted {
 public:
  /// Idle for this long, a connection is looked at, and again before it is used.
  static constexpr Duration kLookAfter = std::chrono::seconds(1);
  enum class State : std::uint8_t { kConnecting, kIdle, kBusy, kClosed };

  /// Before connect() it is parked.
  Connection(net::Loop& loop, std::shared_ptr<Shared> shared, net::Ref<ConnectionOwner> owner);
  ~Connection() override;

  /// Dials. Must be followed by start() or left to become idle, if it has no call yet. `age_max`:
  /// how old it may become.
  void connect(TimePoint now, Duration age_max);
  void connect(TimePoint now);
  /// Takes a call, on an idle connection or one that is still connecting. The sink must outlive the
  /// attempt or abandon it. `deadline` bounds all of it.
  void start(const Request& request, AttemptSink& sink, TimePoint deadline);
  /// The sink lets go: the call's outcome is not wanted any more. An HTTP/1.1 connection cannot
  /// skip a reply, so it is closed.
  void abandon() noexcept;
  void close(CloseReason reason);
  /// Closes when its call ends, or now if it has none.
  void drain(CloseReason reason);
  /// Its call has been answered in a way that is the node's fault, though the status does not say
  /// so: AttemptSink::judge() only.
  void blame() noexcept { blamed_ = true; }
  /// The upstream answers nothing any more: an idle connection closes, since what comes back may
  /// not know it; one that is busy closes if its call can go elsewhere.
  void upstream_lost();
  /// Streaming only: stops and resumes reading when the client is slow.
  void pause() noexcept { paused_ = true; }
  void resume();

  /// Idle, it takes the call that waits for `from`, which is connecting or parked.
  void take_call_of(Connection& from);
  /// As a pool gives it out, until start(). `careful` as in Pool::take().
  void reserve(bool careful) noexcept {
    reserved_ = true;
    careful_ = careful;
  }
  void unreserve() noexcept { reserved_ = false; }
  /// A call, or one about to come, waits for it to connect.
  [[nodiscard]] bool awaited() const noexcept {
    return !connected_ && state_ != State::kClosed && (sink_ != nullptr || reserved_);
  }
  [[nodiscard]] bool careful() const noexcept { return careful_; }
  [[nodiscard]] bool parked() const noexcept { return !dialled_ && state_ != State::kClosed; }
  [[nodiscard]] bool dialled() const noexcept { return dialled_; }
  [[nodiscard]] bool connected() const noexcept { return connected_; }
  /// Gives up a call that has waited in vain, for others have been told why.
  void fail_parked();

  /// Whether the peer has closed or sent something while idle: one non-blocking look.
  [[nodiscard]] bool looks_alive() noexcept;

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] TimePoint idle_since() const noexcept { return idle_since_; }
  [[nodiscard]] TimePoint expires_at() const noexcept { return expires_at_; }
  [[nodiscard]] const policy::ConnectionRecord& record() const noexcept { return record_; }
  /// How long its handshakes took; once it is connected.
  [[nodiscard]] Duration handshake_time() const noexcept { return handshake_time_; }
  [[nodiscard]] Shared& shared() const noexcept { return *shared_; }
  [[nodiscard]] const std::shared_ptr<Shared>& shared_owner() const noexcept { return shared_; }

 private:
  enum class Body : std::uint8_t { kHead, kLength, kChunked, kUntilClose };

  void try_endpoint(TimePoint now);
  void on_connected(net::ErrorCode error, std::size_t);
  void on_handshake(net::ErrorCode error, std::size_t);
  void established();
  void become_idle();
  void send_request();
  void on_written(net::ErrorCode error, std::size_t);

  void arm_read();
  void on_read(net::ErrorCode error, std::size_t bytes);
  void on_eof(net::ErrorCode error);
  void on_deadline();
  void on_connect_deadline();
  void dial_on(TimePoint now);
  void on_idle_deadline();
  void advance();
  [[nodiscard]] bool advance_head();
  void advance_length();
  void advance_chunked();
  void advance_until_close(bool at_end);
  [[nodiscard]] bool begin_stream();
  [[nodiscard]] bool deliver(std::size_t offset, std::size_t bytes);
  void room_for_reply(std::uint64_t body_bytes);
  [[nodiscard]] bool may_hold(std::uint64_t body_bytes);
  /// `clean`: nothing followed the reply.
  void finish_held(std::size_t body_bytes, bool clean);
  void finish_stream(bool clean);
  void release(bool reusable, CloseReason otherwise);
  void count_calls() noexcept;
  void uncount_calls() noexcept;
  void shrink_buffer();
  void fail(Failure::Kind kind, CloseReason reason, bool echo = false);
  void read_keep_alive(std::string_view words) noexcept;

  /// A node that sends nothing for this long in the middle of a streamed reply has failed.
  static constexpr Duration kStreamPauseMax = std::chrono::seconds(10);
  static constexpr std::size_t kKeptBufferBytes = 131072;

  net::Loop& loop_;
  std::shared_ptr<Shared> shared_;
  net::Ref<ConnectionOwner> owner_;
  std::unique_ptr<net::Stream> stream_;
  net::Deadline deadline_;
  net::Buffer buffer_;
  std::string out_;
  http::ResponseParser parser_;
  http::ChunkDecoder chunks_;

  State state_ = State::kConnecting;
  Body body_ = Body::kHead;
  bool connected_ = false;
  bool reading_ = false;
  bool paused_ = false;
  bool streaming_ = false;
  bool held_large_ = false;
  /// Has been idle: the node may have closed it just when a call is sent.
  bool reused_ = false;
  bool sent_ = false;
  bool writing_ = false;
  bool reply_begun_ = false;
  bool keep_alive_ = true;
  bool dialled_ = false;
  bool reserved_ = false;
  bool careful_ = false;
  bool draining_ = false;
  bool blamed_ = false;
  CloseReason drain_reason_ = CloseReason::kRetired;
  AttemptSink* sink_ = nullptr;
  Request request_;
  ReplyHead head_;
  TimePoint call_deadline_ = TimePoint::max();
  TimePoint idle_since_{};
  TimePoint expires_at_{};
  TimePoint dialled_at_{};
  Duration handshake_time_{0};
  TimePoint sent_at_{};
  policy::ConnectionRecord record_;
  /// As configured, or less where the node announced that it waits less.
  Duration idle_max_{};
  std::shared_ptr<const std::vector<net::TcpEndpoint>> endpoints_;
  /// How many endpoints have been tried, and which one is now.
  std::size_t tried_ = 0;
  std::size_t endpoint_ = 0;
  /// Until when connecting may take, all endpoints together; and until when it may for the call
  /// that waits for it.
  TimePoint dial_until_{};
  TimePoint connect_until_{};
  std::uint64_t length_left_ = 0;
  /// Of a reply that is held though it is large: what the sink was asked for.
  std::uint64_t held_bytes_ = 0;
  /// Offsets from the buffer's data(): where the body's decoded bytes end, and where undecoded
  /// bytes begin.
  std::size_t body_begin_ = 0;
  std::size_t decoded_end_ = 0;
  std::size_t raw_begin_ = 0;
};

}  // namespace sluice::upstream
