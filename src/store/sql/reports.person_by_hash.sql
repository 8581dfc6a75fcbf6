-- The visitor with an e-mail address or phone number: what the site vouched for counts before what anyone can say.
--   site UInt32, hash String (64 hexadecimal digits), field String
SELECT visitor
FROM contact_keys
WHERE site_id = {site:UInt32} AND hash = unhex({hash:String}) AND field = {field:String}
GROUP BY visitor
ORDER BY max(verified) DESC, max(last_at) DESC, visitor
LIMIT 1
