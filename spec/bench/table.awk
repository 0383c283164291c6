# table.awk -- the medians of a test, with their ratios: awk -f table.awk -v only=TEST RESULTS
BEGIN { FS = "\t" }

function median(list, count,    i, j, keep) {
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
            keep = list[j]; list[j] = list[j - 1]; list[j - 1] = keep
        }
    return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
}

function median_of(column, server,    i, few, count) {
    for (i = 1; i <= rows; i++)
        if (who[i] == server && cell[i, column] != "")
            few[++count] = cell[i, column]
    return count == 0 ? "" : median(few, count)
}

function least_of(column, server,    i, least) {
    for (i = 1; i <= rows; i++)
        if (who[i] == server && cell[i, column] != "" && (least == "" || cell[i, column] < least))
            least = cell[i, column]
    return least
}

!/^#/ && ($2 == only || $2 == only "-fsync") {
    name = $2 == only ? $3 : $3 " (fsync)"
    who[++rows] = name
    for (i = 4; i <= 12; i++)
        cell[rows, i] = $i == "" ? "" : $i + 0
    if (!(name in seen))
        order[++servers] = name
    seen[name] = 1
    wrong += $10
}

END {
    for (i = 1; i <= servers; i++) {
        cpu[order[i]] = median_of(4, order[i])
        printf "%-14s %-15s %8.2f us CPU  %8.0f/s  p50 %7.2f  p99 %7.2f  p99.9 %7.2f ms  %6.1f MB", i == 1 ? only : "",
            order[i], cpu[order[i]], median_of(5, order[i]), median_of(6, order[i]) / 1000, median_of(7, order[i]) / 1000,
            median_of(8, order[i]) / 1000, median_of(9, order[i]) / 1024
        if (only ~ /-(half|same)$/)
            printf "   least p99 %.2f   sent late by %.2f, %s", least_of(7, order[i]) / 1000, median_of(11, order[i]) / 1000,
                (share = median_of(12, order[i])) == "" ? "not watched" : sprintf("%.0f %% left out", share)
        if (order[i] != "rille" && ("rille" in cpu))
            printf "   rille is %.2f of it", cpu["rille"] / cpu[order[i]]
        print ""
    }
    if (wrong > 0)
        printf "%-14s %d answers were wrong, or never came\n", only, wrong
}
