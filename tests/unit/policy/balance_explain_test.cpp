// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "support/catch.hpp"
#include "unit/policy/balance_support.hpp"

namespace sluice::policy {

using namespace test;

namespace {

/// Three upstreams with shared statistics, on simulated time.
struct Scene {
  Scene() {
    for (std::uint32_t i = 0; i < 3; ++i) candidates[i].stats = &stats[i];
  }
  PickContext context(float log_params = 0.0F) const {
    return {.now = now, .method_class = 2, .features = {.log_params = log_params}};
  }
  void call(Balancer& balancer, std::uint32_t index, Duration took, Ended ended = Ended::kOk,
            float log_params = 0.0F) {
    const Ticket ticket = balancer.started(index, &stats[index], context(log_params));
    now += took;
    balancer.finished(ticket, ended, now, took);
  }
  Explanation explain(const Balancer& balancer) const {
    return balancer.explain(candidates, context());
  }

  std::unique_ptr<UpstreamStats[]> stats = std::make_unique<UpstreamStats[]>(3);
  std::vector<Candidate> candidates = equal(3);
  TimePoint now = at(100s);
  Random random{1};
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every strategy has a line for itself and one for each candidate, fit for a header") {
  const auto plain = [](const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
      return c >= ' ' && c <= '~' && c != ';' && c != '|';
    });
  };
  for (const auto name : kStrategies) {
    CAPTURE(std::string(name));
    Scene scene;
    scene.candidates[1].capacity = scene.candidates[1].in_flight = 4;
    scene.candidates[2].weight = 0.0;
    const auto balancer = make_balancer(name, 3);
    // Before anything was picked, and after.
    for (int round = 0; round < 2; ++round) {
      for (const std::uint64_t key : {0U, 77U}) {
        PickContext context = scene.context();
        context.affinity_hash = key;
        const Explanation words = balancer->explain(scene.candidates, context);
        CHECK(plain(words.rule));
        REQUIRE(words.standings.size() == 3);
        for (const auto& standing : words.standings) CHECK(plain(standing));
        CHECK(has(words.standings[1], ", full"));
        static_cast<void>(balancer->pick(scene.candidates, context, scene.random));
        for (std::uint32_t i = 0; i < 3; ++i) scene.call(*balancer, i, 5ms);
      }
    }
    CHECK(balancer->explain({}, scene.context()).standings.empty());
  }
}

TEST_CASE("round robin names whose turn it is, and an instance without turns nobody") {
  Scene scene;
  const auto worker = make_balancer("round-robin", 3);
  CHECK(scene.explain(*worker).standings[0] == "0 in flight");
  for (int i = 0; i < 5; ++i) {
    const Explanation words = i == 0 ? Explanation{} : scene.explain(*worker);
    const auto picked = *worker->pick(scene.candidates, scene.context(), scene.random);
    if (i != 0) CHECK(words.standings[picked] == "0 in flight, its turn");
  }
}

TEST_CASE("adaptive tells the parts of the cost and who is best, to whoever asks") {
  Scene scene;
  const auto worker = make_balancer("adaptive", 3);
  for (int i = 0; i < 100; ++i) {
    scene.call(*worker, 0, 2ms);
    scene.call(*worker, 1, 40ms);
  }
  for (int i = 0; i < 20; ++i) scene.call(*worker, 1, 1ms, Ended::kError);
  scene.stats[1].restart(scene.now);
  const Ticket open = worker->started(1, &scene.stats[1], scene.context());
  // One that has picked nothing, as the status page has: what it reads is shared.
  const auto fresh = make_balancer("adaptive", 3);
  for (const Balancer* const balancer : {worker.get(), fresh.get()}) {
    const Explanation words = scene.explain(*balancer);
    CHECK(words.rule == "least expected wait");
    CHECK(has(words.standings[0], " ms = service "));
    CHECK(has(words.standings[0], ", best"));
    CHECK(has(words.standings[1], " + waiting "));
    CHECK(has(words.standings[1], " + failing "));
    CHECK(has(words.standings[1], "ramped up to 10 %"));
    CHECK(has(words.standings[1], "not proven yet"));
    CHECK(has(words.standings[2], "not measured"));
  }
  worker->finished(open, Ended::kOk, scene.now, 1ms);
}

TEST_CASE("learned says whether its model is trusted, and what both were off by") {
  Scene scene;
  const auto worker = make_balancer("learned", 3);
  const auto fresh = make_balancer("learned", 3);
  CHECK(has(scene.explain(*worker).rule, "model knows nothing yet"));
  const auto teach = [&](int i) {
    const bool large = scene.random.uniform() < 0.5;
    scene.call(*worker, static_cast<std::uint32_t>(i % 3), large ? 30ms : 10ms, Ended::kOk,
               large ? 9.0F : 3.0F);
  };
  for (int i = 0; i < 50; ++i) teach(i);
  CHECK(has(scene.explain(*worker).rule, "model not trusted for this class, off by 1."));
  for (int i = 0; i < 850; ++i) teach(i);
  CHECK(has(scene.explain(*worker).rule, "model trusted for this class, off by 1."));
  CHECK(has(scene.explain(*fresh).rule, "model trusted, off by 1."));
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto [error, plain_error] = scene.stats[i].model_error.load();
    CHECK(plain_error > 0.2F);
    CHECK(error < 0.5F * plain_error);
  }
}

}  // namespace sluice::policy
