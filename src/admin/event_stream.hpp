// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "base/clock.hpp"
#include "events/reader.hpp"

namespace sluice::admin {

struct EventStreamOptions {
  std::size_t bytes_max = 65536;  ///< on its way at a time
  Duration deadline{};            ///< for the client to take that much
  Duration heartbeat{};           ///< after so long without an event a comment is sent
};

/// Sends events as they come (server-sent events, WHATWG HTML 9.2), until the client goes, or is
/// cut off because it does not take what it was sent in time. The head has been sent. On the hub's
/// thread; the caller keeps `stream`, and closes it.
boost::asio::awaitable<void> follow_events(boost::beast::tcp_stream& stream,
                                           std::shared_ptr<events::Hub> hub,
                                           events::Reader::Options from,
                                           EventStreamOptions options);

/// One event as a frame: its id, if it has one, its name and its JSON.
void append_frame(std::string& out, const events::Told& event);

}  // namespace sluice::admin
