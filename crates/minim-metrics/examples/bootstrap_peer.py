"""Times `bootstrap.rs` beside NumPy and SciPy on the same predictions, in one sitting.

    cargo build --release -p minim-metrics --example bootstrap
    pip install -r ../../../tests/fixtures/metrics/requirements-metrics.txt
    python bootstrap_peer.py PATH_OF_THE_BUILT_EXAMPLE [--scikit-learn 200]

Both sides score 10,000 examples by accuracy, macro F1 and AUROC and draw 10,000 resamples. Every time is of a whole
process, start and reading of the file included: the median of the runs, their range in brackets, and the median of the
processor seconds of all its threads, which a busy machine disturbs less.

The peers: `numpy` is the same plan as in Rust (sort once, weights by `bincount`, cumulative sums), on one core and on
two processes; `scipy` is `scipy.stats.bootstrap` over scikit-learn's three functions, which is what one writes first.
It is measured on fewer resamples, and what 10,000 would take is estimated from the processor seconds of two sizes, so
that imports count once.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

EXAMPLES = 10_000
RESAMPLES = 10_000


def write_predictions(path, documents):
    import numpy as np

    rng = np.random.default_rng(20251122)
    label = rng.random(EXAMPLES) < 0.2
    score = 1 / (1 + np.exp(-(rng.normal(size=EXAMPLES) + 1.5 * label - 0.8)))
    document = rng.integers(0, documents, EXAMPLES) if documents < EXAMPLES else np.arange(EXAMPLES)
    with open(path, "w", encoding="utf-8") as file:
        for d, l, s in zip(document, label, score):
            file.write(f"d{d:05} {int(l)} {float(s)!r}\n")


def read_predictions(path):
    import numpy as np

    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file]
    names, cluster = np.unique([row[0] for row in rows], return_inverse=True)
    truth = np.array([row[1] == "1" for row in rows])
    return len(names), cluster, truth, np.array([float(row[2]) for row in rows])


def numpy_part(path, resamples, seed):
    """Scores of `resamples` resamples by weights: one row of accuracy, macro F1 and AUROC each."""
    import numpy as np

    clusters, cluster, truth, score = read_predictions(path)
    predicted = score >= 0.5
    order = np.argsort(score, kind="stable")
    ties = np.flatnonzero(np.diff(score[order], append=np.inf))
    ranked = cluster[order]
    positive = truth[order].astype(np.int64)
    cells = [np.bincount(cluster[(truth == t) & (predicted == p)], minlength=clusters) for t in (0, 1) for p in (0, 1)]
    rng = np.random.default_rng(seed)
    found = np.empty((resamples, 3))
    for index in range(resamples):
        drawn = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
        tn, fp, fn, tp = (int(cell @ drawn) for cell in cells)
        weight = drawn[ranked]
        positives = np.cumsum(weight * positive)[ties]
        negatives = np.cumsum(weight)[ties] - positives
        of_tie = np.diff(positives, prepend=0)
        below = np.concatenate(([0], negatives[:-1]))
        wins = of_tie @ (below + negatives)
        f1 = (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2
        found[index] = (tp + tn) / (tp + tn + fp + fn), f1, wins / (2 * positives[-1] * negatives[-1])
    return found


def run_numpy(path, processes):
    import numpy as np

    share = RESAMPLES // processes
    if processes == 1:
        found = numpy_part(path, share, 0)
    else:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            found = np.concatenate(pool.starmap(numpy_part, [(path, share, seed) for seed in range(processes)]))
    return np.percentile(found, [2.5, 97.5], axis=0).T.tolist()


def run_scipy(path, resamples):
    import numpy as np
    from scipy.stats import bootstrap
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    clusters, cluster, truth, score = read_predictions(path)
    members = [np.flatnonzero(cluster == index) for index in range(clusters)]

    def scores(drawn):
        examples = np.concatenate([members[index] for index in drawn])
        t, s = truth[examples], score[examples]
        return accuracy_score(t, s >= 0.5), f1_score(t, s >= 0.5, average="macro"), roc_auc_score(t, s)

    rng = np.random.default_rng(0)
    # One call for the three scores, so that they share their resamples.
    found = bootstrap(
        (np.arange(clusters),), lambda drawn, axis: np.array([scores(row) for row in np.atleast_2d(drawn)]).T.squeeze(),
        n_resamples=resamples, method="percentile", vectorized=True, axis=-1, rng=rng,
    )  # fmt: skip
    low, high = found.confidence_interval
    return [[float(a), float(b)] for a, b in zip(low, high)]


def timed(command, environment=None, runs=5):
    def processor_seconds():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    wall, processor, output = [], [], ""
    for _ in range(runs):
        used, start = processor_seconds(), time.perf_counter()
        done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
        wall.append(time.perf_counter() - start)
        processor.append(processor_seconds() - used)
        if done.returncode:
            sys.exit(done.stderr)
        output = done.stdout
    return statistics.median(wall), min(wall), max(wall), statistics.median(processor), output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the built example `bootstrap`, or `numpy` / `scipy` for one measured process")
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--scikit-learn", type=int, default=200, dest="slow", help="resamples of the slow peer")
    arguments = parser.parse_args()
    if arguments.program == "numpy":
        return print(run_numpy(arguments.rest[0], int(arguments.rest[1])))
    if arguments.program == "scipy":
        return print(run_scipy(arguments.rest[0], int(arguments.rest[1])))

    one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")}
    two_threads = {"RAYON_NUM_THREADS": "2"}
    this = [sys.executable, __file__]
    for documents in (EXAMPLES, 500):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "predictions.txt")
            write_predictions(path, documents)
            program = [arguments.program, path, str(RESAMPLES), "0"]
            jobs = [
                ("minim, 2 threads", program, two_threads, 5),
                ("minim, 1 thread", program, one_thread, 5),
                ("minim, 2 threads, AUROC only", [*program, "auroc"], two_threads, 5),
                ("minim, 2 threads, macro F1 only", [*program, "f1"], two_threads, 5),
                ("minim, 2 threads, accuracy only", [*program, "accuracy"], two_threads, 5),
                ("minim, read and draw nothing", [*program, "none"], two_threads, 5),
                ("numpy, 2 processes", [*this, "numpy", path, "2"], one_thread, 3),
                ("numpy, 1 process", [*this, "numpy", path, "1"], one_thread, 3),
            ]  # fmt: skip
            print(f"{EXAMPLES} examples in {documents} documents, {RESAMPLES} resamples")
            for name, command, environment, runs in jobs:
                median, low, high, processor, output = timed(command, environment, runs)
                print(f"  {name:<32} {median:7.3f} s [{low:.3f}, {high:.3f}], {processor:.3f} s of processor")
                print("    " + output.strip().replace("\n", "\n    "))
            slow = [*this, "scipy", path]
            *_, start, _ = timed([*slow, "2"], one_thread, 1)
            *_, processor, output = timed([*slow, str(arguments.slow)], one_thread, 1)
            whole = start + (processor - start) / (arguments.slow - 2) * RESAMPLES
            print(f"  scipy + scikit-learn             about {whole:.0f} s of processor, from {arguments.slow} resamples")
            print("    " + output.strip())


if __name__ == "__main__":
    main()
