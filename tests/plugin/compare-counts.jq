# What compare-counts makes of one run. Input: {runs, counts}: the VMM's records and the plugin's intervals, both
# in the order of time. The VMM reports the round with the most of each figure.

def host($op): .forms[] | select(.op == $op and (.guest | not));

# Partition-scoped instructions of the host: those that flush a guest's real addresses. Those that do so by LPID, on one
# core, flush the process scope too.
def executed($op):
	[host($op) | select(.is != 3 and (.prs == 0 or ($op == "tlbiel" and .is == 2))) | .count] | add // 0;

# What a CPU that comes online flushes, of all LPIDs and in both scopes.
def emptied: [host("tlbiel") | select(.is == 3) | .count] | add // 0;

# What a core flushes of a hash guest that it had run before the module went, while it was offline.
def left_to_stock: [host("tlbiel") | select(.is == 2 and .r == 0) | .count] | add // 0;

# As the VMM counts them: without those of the host's timer. The kernel also counts a timer exit where it gave up
# the entry.
def exits: .exits_by_vector | del(.["980"]) | [.[]] | add // 0;

def seen:
	{broadcasts: (map(executed("tlbie")) | max), tlbiel: (map(executed("tlbiel")) | max), exits: (map(exits) | max)};

# A guest that runs beside the host's operation leaves between the VMM's reading and the marker too. Without the module
# nobody counts what a hash guest flushes.
def held($variant): if $variant == "running" then del(.exits) elif $variant == "detach" then {exits} else . end;

# How far apart two figures of a CPU may be: another one than the marker's may be on its way into a guest, in it or on
# its way out while the round begins and while it ends.
def apart($own; $steps): if .cpu == $own then 0 else $steps end;

# What a CPU's figures must not say of each other: it has left as often as it entered, and a stock kernel writes LPIDR
# just twice an entry, with the guest's and with its own (the module does when it flushes, too).
def contradictions($tag):
	.cpu as $own
	| .cpus[]
	| ([.exits[]] | add // 0) as $exits
	| if (.guest_entries - $exits | fabs) > apart($own; 1) then
		"CPU \(.cpu) entered a guest \(.guest_entries) times and left it \($exits) times by an interrupt vector"
	  elif $tag == "stock" and (.lpidr_writes - 2 * .guest_entries | fabs) > apart($own; 2) then
		"CPU \(.cpu) entered a guest \(.guest_entries) times and wrote LPIDR \(.lpidr_writes) times"
	  else empty end;

def row($run):
	{counted: ($run | {broadcasts, tlbiel, exits} | held($run.variant)),
	 seen: (seen | held($run.variant)),
	 contradiction: ([.[] | contradictions($run.tag)] | first)}
	+ if $run.name == "cpu-online" then
		if $run.variant == "detach" then {flushed: map(left_to_stock), due: 256}
		else {flushed: map(emptied), due: (if $run.tag == "stock" then 0 else 2 * $run.tlb_sets end)} end
	  else {} end;

def compared:
	.runs as $runs
	| [.counts[] | select(.interval == "round")] as $rounds
	| if ($runs | length) == 0 then error("no workload ran.")
	  elif ($rounds | any(.error)) then error("a round \($rounds | map(.error // empty)[0]).")
	  elif ($runs | map(.rounds) | add) != ($rounds | length) then
		error("the VMM reports \($runs | map(.rounds) | add) rounds and the plugin saw \($rounds | length).")
	  else . end
	| reduce $runs[] as $run ({from: 0, rows: []};
		.rows += [($run | {name, variant, tag}) + ($rounds[.from:.from + $run.rounds] | row($run))]
		| .from += $run.rounds)
	| .rows;

def left($n): . + " " * ($n - length);
def right($n): tostring | " " * ($n - length) + .;

def table:
	("workload" | left(28)) + ("tlbie counted" | right(14)) + ("executed" | right(10))
		+ ("tlbiel counted" | right(16)) + ("executed" | right(10))
		+ ("exits counted" | right(15)) + ("executed" | right(10)),
	(.[] | ("\(.name) \(.variant) \(.tag)" | left(28))
		+ (.counted.broadcasts // "-" | right(14)) + (.seen.broadcasts // "-" | right(10))
		+ (.counted.tlbiel // "-" | right(16)) + (.seen.tlbiel // "-" | right(10))
		+ (.counted.exits // "-" | right(15)) + (.seen.exits // "-" | right(10)));

def sentence:
	[to_entries[] | "\(.value) \({broadcasts: "tlbie"}[.key] // .key)"] | join(", ");

def verdicts:
	.[]
	| "counts-\(.name)-\(.variant)-\(.tag)" as $test
	| if .contradiction then "KHT-FAIL \($test): in a round \(.contradiction)"
	  elif .counted == .seen then "KHT-PASS \($test)"
	  else "KHT-FAIL \($test): counted \(.counted | sentence); executed \(.seen | sentence)" end,
	  if has("due") | not then empty
	  elif .due as $due | .flushed | all(. == $due) then "KHT-PASS \($test)-empties-the-tlb"
	  else "KHT-FAIL \($test)-empties-the-tlb: \(.flushed) tlbiel in its rounds and not \(.due) in each" end;
