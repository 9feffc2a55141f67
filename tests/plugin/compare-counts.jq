# What compare-counts makes of one run. Input: {runs, counts}: the VMM's records and the plugin's intervals, both
# in the order of time. The VMM reports the round with the most of each figure.

# Partition-scoped instructions of the host: those that flush a guest's real addresses.
def executed($op): [.forms[] | select(.op == $op and .prs == 0 and (.guest | not)) | .count] | add // 0;

def seen: {broadcasts: (map(executed("tlbie")) | max), tlbiel: (map(executed("tlbiel")) | max)};

def compared:
	.runs as $runs
	| [.counts[] | select(.interval == "round")] as $rounds
	| if ($runs | length) == 0 then error("no workload ran.")
	  elif ($rounds | any(.error)) then error("a round \($rounds | map(.error // empty)[0]).")
	  elif ($runs | map(.rounds) | add) != ($rounds | length) then
		error("the VMM reports \($runs | map(.rounds) | add) rounds and the plugin saw \($rounds | length).")
	  else . end
	| reduce $runs[] as $run ({from: 0, rows: []};
		.rows += [($run | {name, variant, tag, counted: {broadcasts, tlbiel}})
			+ {seen: ($rounds[.from:.from + $run.rounds] | seen)}]
		| .from += $run.rounds)
	| .rows;

def left($n): . + " " * ($n - length);
def right($n): tostring | " " * ($n - length) + .;

def table:
	("workload" | left(32)) + ("tlbie counted" | right(15)) + ("executed" | right(10))
		+ ("tlbiel counted" | right(16)) + ("executed" | right(10)),
	(.[] | ("\(.name) \(.variant) \(.tag)" | left(32))
		+ (.counted.broadcasts | right(15)) + (.seen.broadcasts | right(10))
		+ (.counted.tlbiel | right(16)) + (.seen.tlbiel | right(10)));

def verdicts:
	.[]
	| "counts-\(.name)-\(.variant)-\(.tag)" as $test
	| if .counted == .seen then "KHT-PASS \($test)"
	  else "KHT-FAIL \($test): counted \(.counted.broadcasts) tlbie and \(.counted.tlbiel) tlbiel, executed \(.seen.broadcasts) and \(.seen.tlbiel)" end;
