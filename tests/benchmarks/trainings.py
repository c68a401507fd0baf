"""Write down how long models were trained, beside the results: for the documentation.

``python -m tests.benchmarks.trainings MODEL... --json docs/results/trainings.json``
"""

import argparse
import json
from pathlib import Path

import nengo_softlif as softlif


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="files that train wrote")
    parser.add_argument("--before", type=int, help="epochs of what they started from")
    parser.add_argument("--json", type=Path, required=True, help="file to add to")
    options = parser.parse_args()
    known = json.loads(options.json.read_text()) if options.json.exists() else {}
    for path in options.models:
        known[path.stem] = describe(softlif.load(path))
        if options.before:
            known[path.stem]["epochs"] = (
                f"{options.before} + {known[path.stem]['epochs']}"
            )
    lines = (f'  "{name}": {json.dumps(known[name])}' for name in sorted(known))
    options.json.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def describe(model):
    """What decided the training of a model, as far as its file tells."""
    record = model.training or {}
    kept = ("data", "seed", "batch_size", "learning_rate", "weight_decay", "batch_norm")
    return {
        "network": model.source and model.source["function"],
        "epochs": len((model.history or {}).get("loss", ())),
        **{name: record[name] for name in kept if name in record},
    }


if __name__ == "__main__":
    main()
