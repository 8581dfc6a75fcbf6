        UNION ALL
        SELECT person, toUInt8(1), began, arrival.6, arrival.7, arrival.8, arrival.9, arrival.10
            $VISIT_HITS
        FROM $VISIT_ROWS INNER JOIN merged USING (visitor)
