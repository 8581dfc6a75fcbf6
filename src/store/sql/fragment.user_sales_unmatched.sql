    SELECT {otherwise:String} AS value, toUInt128(0), 0, 0, 0, [], toUInt64(orders), revenue_minor
    FROM money
    WHERE user_id_only AND visitor != 0
