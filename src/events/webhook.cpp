// SPDX-License-Identifier: Apache-2.0
#include "events/webhook.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <exception>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/log_format.hpp"
#include "base/random.hpp"
#include "events/delivery.hpp"
#include "events/post.hpp"

namespace sluice::events {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  std::string out;
  log::append_escaped(out, name.data());
  return out;
}

}  // namespace

/// Shared with the coroutine, which may end after the Webhook.
class Webhook::State final : public Listener, public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& io, std::shared_ptr<Hub> hub, const Limits& limits, std::uint64_t seed)
      : io_(io),
        hub_(std::move(hub)),
        limits_(limits),
        random_(seed),
        timer_(io),
        names_(io),
        host_(host_name()) {
    hub_->add(*this, false);
  }

  void configure(std::optional<WebhookTarget> target);
  void finish(std::function<void()> done);
  void stop();
  void told(const ToldPtr& event) override;
  [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size() + batch_.size(); }

 private:
  static asio::awaitable<void> run(std::shared_ptr<State> self);
  asio::awaitable<void> wait(TimePoint until);
  asio::awaitable<void> deliver();
  void take_batch();
  [[nodiscard]] std::string body() const;
  void succeeded();
  void failed(Verdict verdict, const PostResult& result);
  void drop_all();
  void wake() { timer_.cancel(); }

  asio::io_context& io_;
  const std::shared_ptr<Hub> hub_;
  const Limits limits_;
  Random random_;
  asio::steady_timer timer_;
  net::NameLookup names_;
  const std::string host_;
  std::shared_ptr<const WebhookTarget> target_;
  std::deque<ToldPtr> queue_;
  std::vector<ToldPtr> batch_;      ///< on its way
  std::uint64_t dropped_ = 0;       ///< that the receiver has not been told of
  std::uint64_t told_dropped_ = 0;  ///< by the delivery under way
  std::uint32_t failures_ = 0;
  TimePoint failing_since_{};
  TimePoint not_before_{};
  bool told_failing_ = false;
  bool running_ = false;
  bool posting_ = false;
  bool stopped_ = false;
  std::function<void()> finished_;
};

void Webhook::State::configure(std::optional<WebhookTarget> target) {
  target_ = target ? std::make_shared<const WebhookTarget>(std::move(*target)) : nullptr;
  if (target_ == nullptr) drop_all();
  // What failed there may succeed here.
  failures_ = 0;
  not_before_ = {};
  wake();
  if (target_ == nullptr || running_) return;
  running_ = true;
  asio::co_spawn(io_, run(shared_from_this()), [](const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      log::error("webhook_failed", "the webhook met an unexpected error",
                 {{"error", error.what()}});
    }
  });
}

void Webhook::State::drop_all() {
  hub_->count(Sink::kWebhook, Outcome::kDropped, queue_.size());
  queue_.clear();
  // What is under way may still arrive.
  if (posting_) return;
  hub_->count(Sink::kWebhook, Outcome::kDropped, batch_.size());
  batch_.clear();
}

void Webhook::State::told(const ToldPtr& event) {
  if (target_ == nullptr || stopped_ || row(event->kind).level < target_->least) return;
  if (queue_.size() >= limits_.waiting_max) {
    queue_.pop_front();
    ++dropped_;
    hub_->count(Sink::kWebhook, Outcome::kDropped);
  }
  queue_.push_back(event);
  if (queue_.size() == 1) wake();
}

void Webhook::State::finish(std::function<void()> done) {
  if (waiting() == 0 || target_ == nullptr || stopped_) {
    done();
    return;
  }
  finished_ = std::move(done);
  not_before_ = {};
  wake();
}

void Webhook::State::stop() {
  stopped_ = true;
  hub_->remove(*this);
  names_.cancel();
  wake();
}

asio::awaitable<void> Webhook::State::wait(TimePoint until) {
  timer_.expires_at(until);
  co_await timer_.async_wait(kTuple);
}

asio::awaitable<void> Webhook::State::run(std::shared_ptr<State> self) {
  while (!self->stopped_) {
    if (self->waiting() == 0 || self->target_ == nullptr) {
      co_await self->wait(TimePoint::max());
    } else if (now() < self->not_before_) {
      co_await self->wait(self->not_before_);
    } else {
      co_await self->deliver();
    }
  }
}

void Webhook::State::take_batch() {
  std::size_t bytes = 0;
  for (const auto& event : batch_) bytes += event->json.size();
  while (!queue_.empty() && batch_.size() < limits_.events_per_post &&
         (batch_.empty() || bytes + queue_.front()->json.size() <= limits_.bytes_per_post)) {
    bytes += queue_.front()->json.size();
    batch_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
}

std::string Webhook::State::body() const {
  std::string out = R"({"source":"sluice","host":")" + host_ + R"(","sent_at":")";
  log::append_timestamp(out, unix_time());
  fmt::format_to(std::back_inserter(out), R"(","attempt":{},"dropped":{},"events":[)",
                 failures_ + 1, dropped_);
  for (std::size_t i = 0; i < batch_.size(); ++i) out += (i == 0 ? "" : ",") + batch_[i]->json;
  return out + "]}";
}

asio::awaitable<void> Webhook::State::deliver() {
  // A try that fails leaves its batch to the next one, which takes along what has come meanwhile.
  take_batch();
  const auto target = target_;
  const std::string request = post_request(*target, body());
  told_dropped_ = dropped_;
  const bool last = finished_ != nullptr;
  posting_ = true;
  const PostResult result = co_await post(*target, request, names_);
  posting_ = false;
  if (stopped_) co_return;
  const Verdict verdict = result.status == 0 ? Verdict::kAgain : judge(result.status);
  if (verdict == Verdict::kDelivered) {
    succeeded();
  } else {
    failed(verdict, result);
    // The receiver was taken away meanwhile.
    if (target_ == nullptr) drop_all();
  }
  // At the end there is no second try; but what came during the one that was under way has its own.
  if (!finished_ || (waiting() != 0 && (verdict == Verdict::kDelivered || !last))) {
    if (finished_) not_before_ = {};
    co_return;
  }
  const auto done = std::exchange(finished_, nullptr);
  not_before_ = TimePoint::max();
  done();
}

void Webhook::State::succeeded() {
  hub_->count(Sink::kWebhook, Outcome::kDelivered, batch_.size());
  batch_.clear();
  failures_ = 0;
  not_before_ = {};
  dropped_ -= told_dropped_;
  if (!std::exchange(told_failing_, false)) return;
  hub_->emit(WebhookWorking{
      .failed_s = seconds(now() - failing_since_), .waiting = waiting(), .dropped = told_dropped_});
}

void Webhook::State::failed(Verdict verdict, const PostResult& result) {
  ++failures_;
  not_before_ = now() + pause_after(failures_, result.retry_after, random_);
  if (verdict == Verdict::kRefused) {
    hub_->count(Sink::kWebhook, Outcome::kRefused, batch_.size());
    batch_.clear();
  } else {
    hub_->count(Sink::kWebhook, Outcome::kRetried);
  }
  if (std::exchange(told_failing_, true)) return;
  failing_since_ = now();
  hub_->emit(WebhookFailing{.reason = result.reason, .attempts = failures_, .waiting = waiting()});
}

Webhook::Webhook(asio::io_context& io, std::shared_ptr<Hub> hub, const Limits& limits,
                 std::uint64_t seed)
    : state_(std::make_shared<State>(io, std::move(hub), limits, seed)) {}

Webhook::~Webhook() {
  state_->stop();
}

void Webhook::configure(std::optional<WebhookTarget> target) {
  state_->configure(std::move(target));
}

void Webhook::finish(std::function<void()> done) {
  state_->finish(std::move(done));
}

std::size_t Webhook::waiting() const noexcept {
  return state_->waiting();
}

}  // namespace sluice::events
