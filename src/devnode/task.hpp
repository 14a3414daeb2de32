// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/asio.hpp"

namespace sluice::devnode {

namespace asio = boost::asio;

/// A coroutine on a worker's own executor type, without type erasure. Never write co_await inside a
/// condition: g++ 12 misplaces the promise of a coroutine that has such a condition and no local
/// variable, and resuming it crashes.
template <class T>
using Task = asio::awaitable<T, net::Executor>;

/// Completion token: awaits and gives (error code, …) instead of throwing.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<net::Executor>> kAwait{
    asio::use_awaitable_t<net::Executor>{}};

/// For co_spawn: a session that ends in an exception just ends, as its connection does.
inline void end_quietly(const std::exception_ptr& /*why*/) noexcept {}

}  // namespace sluice::devnode
