// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "devnode/task.hpp"
#include "devnode/wire.hpp"
#include "devnode/worker.hpp"

namespace sluice::devnode {

/// One HTTP/1.1 connection: reads requests with Beast's parser, writes replies as raw bytes, so
/// that faults can be made of them. Lives on one worker, kept alive by its own coroutine; a
/// WebSocket upgrade hands the socket on. Requests on a connection are answered one after the
/// other; pipelined ones wait in the buffer.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Worker& worker, net::TcpSocket socket);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void start();
  /// Arms the timer of the close_idle fault when the connection waits for a request.
  void watch_idle();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  Task<void> run();
  /// False at the end of the connection. A malformed request leaves `bad_request_` set.
  Task<bool> read_request();
  Task<bool> fill_buffer();
  Task<void> answer();
  Task<void> answer_rpc();
  Task<void> answer_plain(int status, std::string body, std::string_view content_type);
  Task<void> send_wire();
  Task<void> stream_fill();
  Task<void> send_slowly(std::size_t from, std::uint64_t bytes_per_second);
  Task<bool> send(const char* data, std::size_t size);
  Task<void> pause(Duration delay);
  /// Reads and drops everything until the peer gives up.
  Task<void> swallow();
  [[nodiscard]] bool upgrade_wanted() const;
  [[nodiscard]] bool media_type_fits() const;
  void close();

  Worker& worker_;
  net::TcpSocket socket_;
  net::Timer timer_;
  net::Timer idle_timer_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::optional<Parser> parser_;
  std::string raw_;
  Reply reply_;
  Wire wire_;
  std::uint64_t replies_ = 0;
  bool idle_ = false;
  bool served_ = false;
  bool bad_request_ = false;
  bool upgraded_ = false;
};

}  // namespace sluice::devnode
