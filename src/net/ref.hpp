// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "net/asio.hpp"

namespace sluice::net {

/// Base of everything that an asynchronous operation may outlive: sessions, connections, calls.
/// Each pending operation holds a reference, so that a completion never meets a destroyed object.
/// The count is not atomic: such an object lives on one thread for ever.
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  /// How many hold it: to tell whoever keeps one that it is the last.
  [[nodiscard]] std::uint32_t references() const noexcept { return references_; }

  friend void intrusive_ptr_add_ref(const RefCounted* object) noexcept { ++object->references_; }
  friend void intrusive_ptr_release(const RefCounted* object) noexcept {
    if (--object->references_ == 0) delete object;
  }

 protected:
  RefCounted() = default;
  virtual ~RefCounted() = default;

 private:
  mutable std::uint32_t references_ = 0;
};

template <class T>
using Ref = boost::intrusive_ptr<T>;

/// A completion handler of one fixed type, so that it can cross a virtual call without allocation:
/// a member function and a reference that keeps its object alive until the operation has completed.
/// Calling it drops the reference.
class IoHandler {
 public:
  using Function = void (*)(RefCounted&, ErrorCode, std::size_t);

  IoHandler(Ref<RefCounted> owner, Function function) noexcept
      : owner_(std::move(owner)), function_(function) {}

  void operator()(ErrorCode error, std::size_t bytes) {
    const Ref<RefCounted> owner = std::move(owner_);
    function_(*owner, error, bytes);
  }

  /// For the parts of one longer operation, which all keep the owner alive.
  [[nodiscard]] const Ref<RefCounted>& owner() const noexcept { return owner_; }

 private:
  Ref<RefCounted> owner_;
  Function function_;
};

/// `handler<&Session::on_read>(*this)`.
template <auto Method, class T>
[[nodiscard]] IoHandler handler(T& self) {
  return {Ref<RefCounted>(&self), [](RefCounted& object, ErrorCode error, std::size_t bytes) {
            (static_cast<T&>(object).*Method)(error, bytes);
          }};
}

}  // namespace sluice::net
