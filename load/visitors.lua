-- Generated visitors of the load scenarios, and the report of wrk.
local visitors = {}

visitors.count = 5000
visitors.key = assert(os.getenv("LOAD_KEY"), "LOAD_KEY is set by load/run.sh")
visitors.origin = assert(os.getenv("LOAD_ORIGIN"), "LOAD_ORIGIN is set by load/run.sh")

visitors.agents = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
}

visitors.items = {
  "coffee-yirgacheffe", "coffee-huila", "coffee-caravan-blend", "tea-nabat", "kitchen-saffron", "books-salt-road",
}

-- Visitor id of a number: the same 32 hexadecimal digits in every scenario.
function visitors.id(number)
  return string.format("%08x%08x%08x%08x", number + 0x5eed0000, number * 40503 % 0xffffffff, 0xa5a5a5a5, number)
end

-- Each thread has its own random sequence.
local threads = 0
function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

-- Prints one line of JSON for run.sh.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"per_second":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

return visitors
