# What hash-counts and the demo make of one run. Input: {runs, counts}: the VMM's records and the plugin's intervals,
# both in the order of time. A run's figure is its round with the most.

# A running guest: whole-LPID flushes and what KVM itself invalidates one by one, of 1,024 pages.
def few_running: 96;
# Of 2,000 removals with H_LOCAL beside another vCPU: that one may just be entering.
def few_local: 60;
def cost_limit: 1.05;
# With hpt_local=1 and nothing to save: ftrace alone takes some 450 instructions (doc/limits.md).
def hooked_limit: 1.18;

# Hash (R=0) and the errata fix-ups beside it (R=1, LPID 0); prs=1 are the host's own processes.
def executed: [.forms[] | select(.op == "tlbie" and .prs == 0 and (.guest | not)) | .count] | add // 0;

def rounds($interval): map(select(.interval == $interval));

# The exit-kernel intervals are those of removals, one a round.
def measures_cost: .name == "hpt-remove";

def checked($what; $n):
	if length != $n then error("the VMM reports \($n) \($what) and the plugin saw \(length).")
	elif any(.error) then error("one of the \($what) \(map(.error // empty)[0]).")
	else . end;

# Each run with the tlbie executed in it, and with what a removal cost.
def with_executed:
	.runs as $runs
	| if ($runs | length) == 0 then error("no workload ran.") else . end
	| (.counts | rounds("round") | checked("rounds"; $runs | map(.rounds) | add)) as $rounds
	| (.counts | rounds("exit-kernel")
		| checked("rounds of hcalls"; $runs | map(select(measures_cost) | .rounds) | add // 0)) as $costs
	| reduce $runs[] as $run ({round: 0, cost: 0, runs: []};
		($run + {all_broadcasts: ($rounds[.round:.round + $run.rounds] | map(executed) | max)}) as $counted
		| .round += $run.rounds
		| if $run | measures_cost then
			.runs += [$counted + {exit_cost: ($costs[.cost:.cost + $run.rounds] | map(.exit_cost) | min)}]
			| .cost += $run.rounds
		  else .runs += [$counted] end)
	| .runs;

def limit($stock):
	if .variant == "running" then few_running
	elif .variant == "local" then few_local
	elif .variant == "others" then $stock
	else 0 end;

def found($name; $variant; $tag):
	map(select(.name == $name and .variant == $variant and .tag == $tag))
	| if length == 1 then .[0] else error("\($name) \($variant) has \(length) runs with \($tag).") end;

def row($ours):
	{name, variant, pages, stock: .all_broadcasts, module: $ours.all_broadcasts}
	| .limit = (.stock as $stock | limit($stock));

# Nothing to save: a vCPU beside it is in guest, or the module leaves removals to stock.
def costs:
	[{name: "hpt-remove-beside-a-vcpu", stock: found("hpt-remove"; "others"; "stock"),
	  module: found("hpt-remove"; "others"; "module"), limit: hooked_limit},
	 {name: "hpt-remove-left-global", stock: found("hpt-remove"; "one"; "stock"),
	  module: found("hpt-remove"; "one"; "global"), limit: cost_limit}]
	| map({name, limit, stock: .stock.exit_cost, module: .module.exit_cost} | .ratio = .module / .stock);

def judged:
	with_executed
	| . as $runs
	| {rows: map(select(.tag == "stock") | . as $stock | row($runs | found($stock.name; $stock.variant; "module"))),
	   costs: costs};

def left($n): . + " " * ($n - length);
def right($n): tostring | " " * ($n - length) + .;
def thousandths: . * 1000 | round | tostring | "\(.[:-3]).\(.[-3:])";

def table:
	("hash guest" | left(24)) + ("pages" | right(7)) + ("tlbie stock" | right(13)) + ("module" | right(8))
		+ ("limit" | right(8)),
	(.rows[] | ("\(.name) \(.variant)" | left(24)) + (.pages | right(7)) + (.stock | right(13)) + (.module | right(8))
		+ (.limit | right(8))),
	("instructions an hcall" | left(31)) + (["stock", "module", "ratio", "limit"] | map(right(8)) | add),
	(.costs[] | (.name | left(31))
		+ ([.stock, .module, (.ratio | thousandths), (.limit | thousandths)] | map(right(8)) | add));

def row_verdicts:
	"hash-\(.name)-\(.variant)" as $test
	| (if .stock >= .pages then "KHT-PASS \($test)-stock-broadcasts-every-page"
	   else "KHT-FAIL \($test)-stock-broadcasts-every-page: \(.stock) tlbie for \(.pages) pages" end),
	  (if .module <= .limit then "KHT-PASS \($test)-module"
	   else "KHT-FAIL \($test)-module: \(.module) tlbie, the limit is \(.limit)" end);

def cost_verdict:
	if .ratio <= .limit then "KHT-PASS \(.name)-costs-no-more"
	else "KHT-FAIL \(.name)-costs-no-more: \(.module) instructions with the module, \(.stock) stock: the ratio \(.ratio | thousandths) is above \(.limit)" end;

def verdicts: (.rows[] | row_verdicts), (.costs[] | cost_verdict);
