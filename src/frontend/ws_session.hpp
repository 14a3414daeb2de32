// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "frontend/frontend.hpp"
#include "ws/decoder.hpp"
#include "ws/pending_pong.hpp"

namespace sluice::frontend {

/// One client's WebSocket, from the upgrade on. Takes calls as they come, in flight up to a number
/// and a size together (then it stops reading), and sends replies as they finish, several to one
/// write. Pings a silent peer; cuts one that does not read. Lives on its worker's thread, kept by
/// its operations and by the replies that are still to come.
class WsSession final : public net::RefCounted, public Session {
 public:
  WsSession(Frontend& frontend, std::unique_ptr<net::Stream> stream, net::Buffer in,
            net::Ref<Channel> channel, std::shared_ptr<void> slot);
  ~WsSession() override;

  /// Sends `first` (the 101) and reads what came behind the handshake.
  void start(std::string first);

  [[nodiscard]] net::Ref<net::RefCounted> hold() override {
    return net::Ref<net::RefCounted>(this);
  }
  void drain() override;
  std::size_t cut() override;

 private:
  class MessageReply;

  void arm_read();
  void on_read(net::ErrorCode error, std::size_t bytes);
  void on_readable(net::ErrorCode error, std::size_t);
  void on_written(net::ErrorCode error, std::size_t);
  void on_flush(net::ErrorCode error, std::size_t);
  void on_deadline();
  void process();
  void take(const ws::Event& event);
  void finish_message(std::span<const std::string_view> pieces);
  void end_message(std::size_t bytes);
  void send_close(std::uint16_t code, std::string_view reason);
  void begin_closing();
  void flush_soon();
  void flush();
  void close();
  void watch_silence(TimePoint time);
  void arm_deadline();
  [[nodiscard]] bool full() const noexcept;

  Frontend& frontend_;
  std::unique_ptr<net::Stream> stream_;
  net::Buffer in_;
  net::Ref<Channel> channel_;
  std::shared_ptr<void> slot_;
  net::Deadline deadline_;
  ws::Decoder decoder_;
  ws::PendingPong pong_;
  std::string out_;
  TimePoint heard_at_{};
  /// When to give buffers back, if idle by then; when a write must have left; when a peer that was
  /// told to close must have closed. Never, while max.
  TimePoint park_at_ = TimePoint::max();
  TimePoint write_until_ = TimePoint::max();
  TimePoint close_until_ = TimePoint::max();
  std::uint32_t in_flight_ = 0;
  /// Of the messages in flight.
  std::size_t held_bytes_ = 0;
  bool reading_ = false;
  bool parked_ = false;
  bool writing_ = false;
  bool flush_posted_ = false;
  bool processing_ = false;
  bool pinged_ = false;
  bool draining_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace sluice::frontend
