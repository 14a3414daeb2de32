// SPDX-License-Identifier: Apache-2.0
// The one place that knows which Catch2 is installed: 2.13 (Debian 12) or 3 (Debian 13).
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define SLUICE_CATCH2_MAJOR 3
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#define SLUICE_CATCH2_MAJOR 2
#endif
