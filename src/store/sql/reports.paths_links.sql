-- How many people went from one node to the next, at each place of the paths of a period?
--   the parameters of reports.paths_nodes, and shown Array(UInt64): the nodes that are shown, each mixed with its place
-- Placeholders as there. All nodes that are not shown are one, 1; a target of 0 is the end of the path.
WITH
$PEOPLE
$VISITS
$PATHS
SELECT link.1 AS place, link.2 AS origin, link.3 AS target, toUInt64(count()) AS people
FROM
(
    SELECT arrayJoin(arrayDistinct(arrayFlatten(arrayMap(
        path -> arrayFilter(
            link -> link.2 != 0,
            arrayMap((node, next, place) -> (toUInt32(place), node, next), path, arrayPushBack(arrayPopFront(path), toUInt64(0)), arrayEnumerate(path))),
        arrayMap(
            path -> arrayMap(
                (node, place) -> multiIf(
                    node = 0, 0,
                    has({shown:Array(UInt64)}, bitXor(node, toUInt64(place) * 11400714819323198485)), node,
                    1),
                path, arrayEnumerate(path)),
            paths))))) AS link
    FROM person_paths
)
WHERE place < {steps:UInt32}
GROUP BY place, origin, target
ORDER BY place, people DESC, origin, target
