"""The rules of the harness; `./dev test` runs them by unittest."""

import threading
import time
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from harness import scale
from harness.counting import Proxy
from harness.kernels import Best
from harness.machine import stamp
from harness.page import BEGIN, END, benchmarks, filled, scale_parts, slopes, table
from harness.picture import picture
from harness.process import CLOSELY, NOW_AND_THEN, Failed, run, run_watched
from harness.requests import RUNNER, stage_of
from harness.rows import compared, limited, merged


MACHINE = {"cpu": "x", "cores": 2, "memory_gib": 8, "kernel": "k", "rustc": "r", "python": "p", "peers": {}}
MACHINE |= {"commit": "abc", "date": "2026-01-01"}
STAMP = stamp(MACHINE)


def size(rows, seconds, **more):
    stage = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_bytes": 100 * rows + 7}
    whole = {"seconds": seconds, "cpu_seconds": 2 * seconds, "raw_bytes": 5000 * rows, "peak_bytes": 200 * rows}
    largest = {"largest_process": "train", "largest_process_bytes": 100 * rows}
    return {"rows": rows, **whole, **largest, "stages": {"train": stage, "predict": stage}, **STAMP, **more}


def counted(rows, files, stages):
    return {"rows": rows, "files": files, "raw_bytes": 1e6, "stages": stages, **STAMP}


def document(rows, **more):
    """As it is written by a run, the rows of which may be marked otherwise."""
    return {"machine": MACHINE, "rows": [{**row, **STAMP, **more} for row in rows]}


class Rows(unittest.TestCase):
    def test_ratios_are_taken_pair_by_pair(self):
        row = compared("P1", "work", "peer", "s", [(1, 10), (2, 12), (4, 100)], target=10)
        self.assertEqual((row["ratio"], row["ratio_min"], row["ratio_max"]), (10, 6, 25))
        self.assertEqual((row["ours"], row["theirs"], row["met"]), (2, 12, True))

    def test_a_target_is_not_met_by_a_worse_result(self):
        quality = ("worse", "better", False)
        row = compared("P2", "work", "peer", "s", [(1, 100)], target=10, quality=quality)
        self.assertEqual((row["met"], row["quality_holds"]), (False, False))
        self.assertFalse(compared("P2", "work", "peer", "s", [(1, 9.9)], target=10)["met"])

    def test_a_figure_without_a_peer_is_held_against_its_limit(self):
        self.assertEqual(limited("P9", "work", "MB", [6], 12, target="below 12")["ratio"], 2)
        self.assertTrue(limited("P9", "work", "MB", [12], 12, target="below 12")["met"])
        self.assertFalse(limited("P9", "work", "MB", [13], 12, target="below 12")["met"])

    def test_a_bench_renews_its_own_rows_only(self):
        def row(identity, work=""):
            return {"id": identity, "work": work}

        before = [row("P10"), row("P1", "old"), row("P1", "gone"), row("P2")]
        self.assertEqual(merged(before, [row("P1", "new")], "P1"), [row("P1", "new"), row("P2"), row("P10")])
        self.assertEqual(merged(before, [], "P10"), before[1:])

    def test_time_per_row_is_compared_within_one_program_and_machine(self):
        small, large = size(100_000, 100.0), size(1_000_000, 1_200.0)
        memory, time_per_row = scale.rows([small, large])
        self.assertEqual((memory["ours"], memory["theirs"], memory["met"], memory["commit"]), (200, 12_000, True, "abc"))
        self.assertEqual((time_per_row["ours"], time_per_row["theirs"], time_per_row["met"]), (1.2, 1.3, True))
        self.assertFalse(scale.rows([small, size(1_000_000, 1_400.0)])[1]["met"])
        self.assertEqual(len(scale.rows([small, size(1_000_000, 1_200.0, commit="def")])), 1)

    def test_other_sizes_are_shown_and_not_judged(self):
        (memory,) = scale.rows([size(300, 1.0)])
        self.assertEqual((memory["ours"], memory["met"]), (0.06, None))
        memory, time_per_row = scale.rows([size(150, 1.0), size(300, 4.0)])
        self.assertIn("time per row of 300 rows", time_per_row["work"])
        self.assertEqual((time_per_row["ours"], time_per_row["theirs"], time_per_row["met"]), (13.33, 8.667, None))
        self.assertEqual([row["met"] for row in scale.rows([size(10_000, 1.0), size(1_000_000, 100.0)])], [True, None])


class Peers(unittest.TestCase):
    def test_the_better_way_is_kept_after_the_first_round(self):
        class Setting:
            quick = False

        costs, asked, best = {1: 5, 0: 9}, [], Best(Setting, (1, 0))

        def call(way):
            asked.append(way)
            return {"cpu_seconds": costs[way]}

        self.assertEqual([best.run(call)["cpu_seconds"] for _ in range(2)], [5, 5])
        self.assertEqual(asked, [1, 0, 1])


class Processes(unittest.TestCase):
    def test_costs_are_those_of_the_program(self):
        done = run("python3", "-c", "x = bytearray(90_000_000); print('said')")
        self.assertGreater(done.peak_bytes, 90e6)
        self.assertGreater(done.cpu, 0)
        self.assertEqual(done.stdout, "said\n")

    def test_a_failure_tells_what_was_said(self):
        with self.assertRaisesRegex(Failed, "ended with 3\nwhy"):
            run("sh", "-c", "echo why >&2; exit 3")

    def test_memory_of_processes_side_by_side_adds_up(self):
        one = "x = bytearray(60_000_000); import time; time.sleep(0.5)"
        both = ("sh", "-c", f"python3 -c '{one}' & python3 -c '{one}' & wait")
        sums = []
        for watched in (CLOSELY, NOW_AND_THEN):
            done, memory = run_watched(*both, watched=watched)
            self.assertGreater(memory.sum_bytes, 120e6)
            self.assertLess(memory.single_bytes, 110e6)
            self.assertEqual(memory.single_name, "python3")
            self.assertLess(done.peak_bytes, 110e6)
            sums.append(memory.sum_bytes)
        # Both have the interpreter in memory, once.
        self.assertLess(sums[0], sums[1])


class Pages(unittest.TestCase):
    def test_generated_parts_are_renewed_in_their_order(self):
        page = f"a\n{BEGIN}\n\nold\n\n{END}\nb\n{BEGIN}\n\nold\n\n{END}\nc\n"
        once = filled(page, ["one", "two"])
        self.assertEqual(once, f"a\n{BEGIN}\n\none\n\n{END}\nb\n{BEGIN}\n\ntwo\n\n{END}\nc\n")
        self.assertEqual(filled(once, ["old", "old"]), page)

    def test_what_a_stage_costs_in_any_case_falls_out_of_its_cost_per_row(self):
        grown = slopes([size(10, 3.0), size(100, 5.0), size(300, 9.0)])
        self.assertEqual(grown["train"], {"seconds": 0.02, "cpu_seconds": 0.04, "peak_bytes": 100})
        self.assertEqual(list(grown), ["train", "predict"])

    def test_a_missed_target_shows(self):
        row = compared("P1", "work", "peer", "s", [(1, 2), (1, 3), (1, 4)], target=10)
        self.assertIn("| **3** | 2 to 4 | 3 |  |  | 10 x | **no** |", table([row]))
        row = compared("P1", "work", "peer", "s", [(1, 2)], target=10)
        self.assertIn("| **2** |  | 1 |  |  | 10 x | **no** |", table([row]))

    def test_what_p5_is_up_against_is_told_with_its_rows(self):
        rows = [compared("P5", "work", peer, "s", [(6, theirs)]) for peer, theirs in (("polars", 9), ("pandas, reading alone", 15))]
        text = benchmarks({**document(rows), "digests": 2})
        self.assertIn("takes 2 s where a third of pandas' time is 5 s; ours takes 6 s\nfor everything. Three times", text)
        for some in (document(rows), {**document(rows[:1]), "digests": 2}):
            self.assertNotIn("up against", benchmarks(some))

    def test_rows_of_another_run_are_told_apart(self):
        row = compared("P9", "work", "the limit", "s", [(1, 2)])
        self.assertIn("| measured | 2026-01-01 |", benchmarks(document([row])))
        earlier = benchmarks(document([row], commit="def", date="2025-12-31"))
        self.assertIn("| measured | 2026-01-01; P9: 2025-12-31, commit def |", earlier)
        elsewhere = benchmarks(document([row, row], machine="another one"))
        self.assertIn("| measured | 2026-01-01; P9: 2026-01-01, commit abc on another one |", elsewhere)

    def test_a_stage_grows_between_the_sizes_that_it_was_measured_at(self):
        least, less, more = size(10, 3.0), size(100, 5.0), size(1000, 50.0)
        del more["stages"]["predict"]
        self.assertEqual(list(slopes([less, more])), ["train"])
        self.assertIn("not measured", scale_parts({"scale": [less, more]})[3])
        parts = scale_parts({"scale": [least, less, more]})
        self.assertIn("| 1,000 |", parts[0])
        self.assertEqual(parts[0].count(f"Measured on 2026-01-01 with commit abc on {STAMP['machine']}."), 1)
        self.assertIn("| train | 100 | 1,000 | 50 |", parts[1])
        self.assertIn("| predict | 10 | 100 | 22.2 |", parts[1])
        self.assertIn("| 100,000 | 0.5 | 0 | 2.78 | 1.23 | not measured yet | not measured yet | 0.01 (train) |", parts[3])
        self.assertIn("| rows | train | predict |\n|---:|---:|---:|\n| 100,000 | 0.01 | 0.01 |", parts[3])
        self.assertIn(">predict</text>", picture([less, more]))
        self.assertNotIn(">predict</text>", picture([more]))

    def test_the_largest_stage_is_named_at_each_size(self):
        sizes = [size(100_000, 5.0), size(1_000_000, 50.0)]
        for each, bytes_of_train in zip(sizes, (15e6, 16e6)):
            each["stages"]["train"] = {**each["stages"]["train"], "peak_bytes": bytes_of_train}
        lines = scale_parts({"scale": sizes})[3].splitlines()
        # As it was measured, and in a straight line from there: 100 bytes a row.
        self.assertTrue(lines[2].endswith("| 0.015 (train) |"), lines[2])
        self.assertTrue(lines[3].endswith("| 0.1 (predict) |"), lines[3])
        self.assertTrue(lines[5].endswith("| 10 (predict) |"), lines[5])

    def test_requests_for_more_files_and_rows_stand_beside_each_other(self):
        counts = {"get": 5, "list": 1, "put": 3, "other": 0, "bytes_in": 2e6, "bytes_out": 1e6}
        stages = [{"validate": {**counts, "get": get}} for get in (5, 15)]
        first, second = (counted(rows, files, of) for rows, files, of in zip((100, 200), (10, 20), stages))
        one, both = (scale_parts({"scale": [], "requests": found})[2] for found in ([first], [first, second]))
        self.assertNotIn("more files", one)
        self.assertIn("| stage | 10 files of 10 rows | 20 files of 10 rows |\n|---|---:|---:|\n| validate | 9 | 19 |", both)

    def test_bytes_per_row_are_what_more_rows_in_as_many_files_add(self):
        counts = {"get": 5, "list": 1, "put": 3, "other": 0, "bytes_in": 2e6, "bytes_out": 1e6}
        first = counted(100, 10, {"train": counts})
        more_files = counted(200, 20, {"train": {**counts, "bytes_in": 9e9}})
        more_rows = counted(150, 10, {"train": {**counts, "bytes_in": 2.5e6, "bytes_out": 1.2e6}})
        sizes = [size(10, 1.0), size(20, 2.0)]
        shares, added = (scale_parts({"scale": sizes, "requests": found}) for found in ([first], [first, more_files, more_rows]))
        self.assertIn("| 2 | 1 | 20,000 | 10,000 |", shares[2])
        self.assertIn("| 2 | 1 | 10,000 | 4,000 |", added[2])
        # Of a hundred thousand rows, in GB: read and written.
        self.assertIn("| 1 | 0.4 | 0.01 (train) |", added[3])

    def test_the_picture_is_the_same_for_the_same_figures(self):
        sizes = [size(100, 5.0), size(1000, 50.0)]
        self.assertEqual(picture(sizes), picture(sizes))
        self.assertIn(">train</text>", picture(sizes))


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"yes")

    def log_message(self, *_):
        pass


class Requests(unittest.TestCase):
    def test_the_proxy_passes_on_and_counts(self):
        server = HTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = Proxy(server.server_port)
        request = urllib.request.Request(f"http://127.0.0.1:{proxy.port}/a/b", b"12345", method="PUT")
        with urllib.request.urlopen(request) as answer:
            self.assertEqual(answer.read(), b"yes")
        # It is noted once the client has all of it.
        while not proxy.seen:
            time.sleep(0.01)
        server.shutdown()
        server.server_close()
        self.assertEqual([(s.method, s.target, s.sent_bytes, s.answered_bytes) for s in proxy.seen], [("PUT", "/a/b", 5, 3)])

    def test_a_request_belongs_to_the_stage_that_was_started_last(self):
        record = {
            "started_at": "1970-01-01T00:00:10Z",
            "tasks": [
                {"name": "validate", "started_secs": 1.0},
                {"name": "train", "started_secs": 5.0},
                {"name": "promote", "started_secs": None},
            ],
        }

        class Seen:
            target = "/faultline/store"

        for at, expected in ((10.5, RUNNER), (12, "validate"), (16, "train"), (90, "train")):
            Seen.at = at
            self.assertEqual(stage_of(Seen, record), expected)
        Seen.target = "/faultline/runs/x/_run/record.json"
        self.assertEqual(stage_of(Seen, record), RUNNER)


if __name__ == "__main__":
    unittest.main()
