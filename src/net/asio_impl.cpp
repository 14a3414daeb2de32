// SPDX-License-Identifier: Apache-2.0
// Asio and Beast are compiled here, once, for the whole program (BOOST_ASIO_SEPARATE_COMPILATION):
// the other sources see declarations only, which halves build times.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
