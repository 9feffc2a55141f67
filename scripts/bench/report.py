"""report.py KERNEL MACHINE GUEST CONSOLE-LOG OUTPUT

Turn the KHT-JSON lines of a demo's console log into report.json and print them as one table.
"""
import json
import sys

NOTES = {"hpt": "The module has hpt_defer=1 hpt_local=1; the QEMU plugin counts the broadcasts.\n"}
FIGURES = ("broadcasts", "local_flushes", "waited_ipis", "exits", "ns")
PREFIX = "KHT-JSON "


def records(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            if line.startswith(PREFIX):
                yield json.loads(line[len(PREFIX):])


def title(record):
    variant = record.get("variant")
    return f"{record['name']}, {variant}" if variant else record["name"]


def figures(record):
    """all_broadcasts: those of nested guests' own LPIDs too; of hash guests, what the plugin saw."""
    found = {figure: record[figure] for figure in FIGURES}
    found["broadcasts"] = record.get("all_broadcasts", found["broadcasts"])
    if "lost_stores" in record:
        found["lost_stores"] = record["lost_stores"]
    return found


def workloads(path):
    """One entry per workload, in the order they ran, with the figures of each tag."""
    found = {}
    for record in records(path):
        if not record["ok"]:
            sys.exit(f"error: the workload '{title(record)}' ({record['tag']}) failed; see {path}.")
        entry = found.setdefault(title(record), {"name": title(record), "pages": record["pages"]})
        entry[record["tag"]] = figures(record)
    return [require_both(entry, path) for entry in found.values()]


def require_both(entry, path):
    for tag in ("stock", "module"):
        if tag not in entry:
            sys.exit(f"error: the workload '{entry['name']}' did not run with {tag}; see {path}.")
    return entry


def ratio(stock, module):
    return f"{stock / module:.1f}x" if module else "-"


def table(entries):
    """80 columns at most. The times of one boot are a ratio here, and in nanoseconds in the JSON."""
    pairs = (("broadcasts", 9, 8), ("local_flushes", 7, 7), ("waited_ipis", 6, 7))
    lines = [
        f"{'':22}{'':>6}{'broadcasts':>17}{'local flushes':>14}{'waited IPIs':>13}",
        f"{'workload':22}{'pages':>6}" + "".join(f"{'stock':>{s}}{'module':>{m}}" for _, s, m in pairs)
        + f"{'faster':>8}",
    ]
    for entry in entries:
        line = f"{entry['name']:22}{entry['pages']:6}"
        for figure, stock, module in pairs:
            line += f"{entry['stock'][figure]:{stock}}{entry['module'][figure]:{module}}"
        lines.append(line + f"{ratio(entry['stock']['ns'], entry['module']['ns']):>8}")
    return "\n".join(lines)


def losses(entries):
    """What a workload counts instead of failing, since a stock kernel does lose some."""
    return [
        f"{entry['name']}: {entry['stock']['lost_stores']} stores missed by the dirty log with stock, "
        f"{entry['module']['lost_stores']} with the module"
        for entry in entries
        if "lost_stores" in entry["stock"]
    ]


def main():
    kernel, machine, guest, log, output = sys.argv[1:]
    entries = workloads(log)
    if not entries:
        sys.exit(f"error: the demo measured nothing; see {log}.")
    with open(output, "w", encoding="utf-8") as report:
        json.dump({"kernel": kernel, "machine": machine, "guest": guest, "workloads": entries}, report, indent=2)
        report.write("\n")
    print(f"\nLinux {kernel} on {machine}, {guest} guest.")
    print(f"Figures are per round of the host's operation.\n{NOTES.get(guest, '')}")
    print(table(entries))
    for line in losses(entries):
        print(f"\n{line}")
    print(f"\nwritten to {output}")


if __name__ == "__main__":
    main()
