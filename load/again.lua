-- One list of 21 items for repeated requests of the same visitors without new clicks, such as page reloads or a second
-- slot: their session results are cached.
package.path = os.getenv("LOAD_FOLDER") .. "/?.lua;" .. package.path
local visitors = require("visitors")
local visitor_count = 1000

function init()
  math.randomseed(os.time() + thread_number * 7919)
end

function request()
  return wrk.format("GET", "/v1/recommend?key=" .. visitors.key .. "&visitor=" .. visitors.id(math.random(visitor_count)) .. "&k=21")
end
