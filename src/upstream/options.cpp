// SPDX-License-Identifier: Apache-2.0
#include "upstream/options.hpp"

namespace sluice::upstream {

std::string Options::request_prefix() const {
  const bool default_port = port == (tls ? 443 : 80);
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string head = "POST " + target + " HTTP/1.1\r\nHost: ";
  head += ipv6 ? "[" + host + "]" : host;
  if (!default_port) head += ":" + std::to_string(port);
  head += "\r\nContent-Type: application/json\r\nAccept: application/json\r\n";
  if (!authorization.empty()) head += "Authorization: " + authorization + "\r\n";
  for (const auto& [field, value] : headers) {
    head.append(field).append(": ").append(value).append("\r\n");
  }
  head += "Content-Length: ";
  return head;
}

}  // namespace sluice::upstream
