// SPDX-License-Identifier: Apache-2.0
// Properties that hold for all inputs (RapidCheck), as assertions of Catch2. A failure prints the
// shrunk counter-example and the seed: `RC_PARAMS="seed=N"` repeats it.
#pragma once

#include <sstream>
#include <string>
#include <utility>

#include <rapidcheck.h>

#include "support/catch.hpp"

namespace sluice::test {

/// Fails the test case unless `property` holds for what RapidCheck makes up.
template <class Property>
void check_property(const std::string& text, Property&& property) {
  const auto result = rc::detail::checkTestable(std::forward<Property>(property));
  std::ostringstream message;
  rc::detail::printResultMessage(result, message);
  INFO(text << ": " << message.str());
  const bool holds = result.template is<rc::detail::SuccessResult>();
  CHECK(holds);
}

}  // namespace sluice::test
