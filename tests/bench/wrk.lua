-- SPDX-License-Identifier: Apache-2.0
-- A JSON-RPC POST, or a batch of them (environment BATCH=N), and one JSON line of results at the end.
local call = '{"jsonrpc":"2.0","id":%d,"method":"eth_call","params":[{"to":' ..
  '"0xdac17f958d2ee523a2206206994597c13d831ec7","data":"0x18160ddd"},"latest"]}'
local batch = tonumber(os.getenv("BATCH") or "0")

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
if batch == 0 then
  wrk.body = call:format(1)
else
  local calls = {}
  for i = 1, batch do calls[i] = call:format(i) end
  wrk.body = "[" .. table.concat(calls, ",") .. "]"
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"wrong":%d,"p50_us":%.1f,"p99_us":%.1f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
