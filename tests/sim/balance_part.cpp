// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <fmt/format.h>

#include "sim/fleet/run.hpp"
#include "sim/fleet/workloads.hpp"
#include "sim/parts.hpp"
#include "policy/balance/service_level.hpp"

namespace sluice::sim {
namespace {
void tune() {
  auto get=[&](const char* n, auto& v){ if(const char* e=std::getenv(n)) v=static_cast<std::remove_reference_t<decltype(v)>>(std::atof(e)); };
  auto& t=policy::g_tuning;
  get("T_smax",t.samples_max); get("T_surp",t.surprise); get("T_fto",t.forget_to); get("T_dg",t.drift_gain);
  get("T_idle",t.idle_tau); get("T_pg",t.parallel_gain); get("T_soft",t.softmin); get("T_oa",t.overdue_after);
  get("T_og",t.overdue_gain); get("T_err",t.error_cost); get("T_hot",t.hot); get("T_pool",t.pool); get("T_sig",t.sigma_min);
}
}
void run_balance(Report& report) {
  tune();
  const char* only=std::getenv("W"); std::string want=only?only:"";
  const char* pol=std::getenv("P"); std::string policies=pol?pol:"random round-robin least-connections p2c peak-ewma c3 c3r random-w adaptive clairvoyant";
  const double load=std::getenv("LOAD")?std::atof(std::getenv("LOAD")):0.7;
  const std::uint64_t calls=std::getenv("CALLS")?std::strtoull(std::getenv("CALLS"),nullptr,10):40000;
  Deployment d; if(const char*e=std::getenv("PROXIES")) d.proxies=static_cast<std::uint32_t>(std::atoi(e)); if(const char*e=std::getenv("WORKERS")) d.workers=static_cast<std::uint32_t>(std::atoi(e));
  struct S{const char*n; Workload w;};
  std::vector<S> all; 
  auto add=[&](const char*n, auto f){ if(want.empty()||want==n) all.push_back({n,f()}); };
  add("W1",[&]{return equal_upstreams(load,calls);});
  add("W2",[&]{return mixed_speeds(load,calls);});
  add("W3",[&]{return one_slow(load,calls);});
  add("W4",[&]{return closed_loop(50000);});
  const int T=std::getenv("T")?std::atoi(std::getenv("T")):50;
  add("W5",[&]{return restless(load,std::chrono::milliseconds(T),calls*3);});
  add("W6",[&]{return stalling(load,calls);});
  add("W7",[&]{return method_mix(load,calls);});
  add("W8",[&]{return sink_hole(load,calls);});
  for (auto& s: all) {
    fmt::print("== {} rate {:.0f}\n", s.n, s.w.rate);
    std::istringstream in(policies); std::string name;
    while (in>>name) {
      Contestant c = name=="c3"?c3(): name=="c3r"?c3_ranking(): name=="random-w"?random_by_speed(): name=="clairvoyant"?clairvoyant(): name=="adaptive+"?strategy("adaptive",true): strategy(name);
      std::vector<double> p50,p99,p999,mean_,bad; std::array<std::vector<double>,4> m99; std::array<std::vector<double>,4> m50;
      struct R{double a,b,c,d,x,busy;double m99[4],m50[4];};
      auto rs=for_each_seed<R>(report.options(),[&](std::uint64_t seed){ auto o=play(s.w,c.make,d,seed); R r{}; r.a=o.quantile_s(.5);r.b=o.quantile_s(.99);r.c=o.quantile_s(.999); for(auto&x:o.answers) r.d+=static_cast<double>(x.took_s)/static_cast<double>(o.answers.size());
        if(!std::strcmp(s.n,"W7")) for(std::uint32_t k=0;k<4;++k){r.m99[k]=o.quantile_s(.99,k);r.m50[k]=o.quantile_s(.5,k);}
        if(!std::strcmp(s.n,"W8")) r.x=o.share_of(5,11,1000);
        if(!std::strcmp(s.n,"W3")) r.x=o.share_of(3,5,1000);
        if(!std::strcmp(s.n,"W6")) r.x=static_cast<double>(o.unanswered);
        r.busy=o.busy_s; return r;});
      double a=0,b=0,cc=0,dd=0,x=0,busy=0; double q99[4]={},q50[4]={}; for(auto&r:rs){const double n=static_cast<double>(rs.size()); a+=r.a/n;b+=r.b/n;cc+=r.c/n;dd+=r.d/n;x+=r.x/n;busy+=r.busy/n; for(int k=0;k<4;++k){q99[k]+=r.m99[k]/n;q50[k]+=r.m50[k]/n;}}
      fmt::print("{:18} p50 {:8.2f} mean {:8.2f} p99 {:8.1f} p99.9 {:8.1f} ms x {:.4f} busy {:.1f}", name,a*1e3,dd*1e3,b*1e3,cc*1e3,x,busy);
      if(!std::strcmp(s.n,"W7")) for(int k=0;k<4;++k) fmt::print(" | {:.2f}/{:.1f}",q50[k]*1e3,q99[k]*1e3);
      fmt::print("\n"); std::fflush(stdout);
    }
  }
}
}  // namespace sluice::sim
