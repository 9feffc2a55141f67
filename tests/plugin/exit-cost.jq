# What measure-exit-cost makes of one run. Input: {kernel, machine, runs, counts}: the VMM's records of the
# workload exit-cost, which say whose rounds they are, and the plugin's intervals; both in the order of time.

# Of a replacement kvm-hv, which is not traced, more is expected.
def cases($flavour):
	{shim: [1.035, 1.03], replacement: [1.015, 1.012]}[$flavour] as $limits
	| [{name: "exit-cost-kernel-handled", interval: "exit-kernel", limit: $limits[0]},
	   {name: "exit-cost-vmm-handled", interval: "exit-vmm", limit: $limits[1]}];

def checked($name; $rounds):
	if length != $rounds then
		error("the VMM reports \($rounds) rounds and the plugin saw \(length) intervals \($name).")
	elif any(.error) then
		error("an interval \($name) \(map(.error // empty)[0]).")
	elif any(.exits < 499) then	# the first re-entry of a round only starts the clock
		error("an interval \($name) had \(map(.exits) | min) exits, fewer than 500.")
	else . end;

# exit_cost leaves timer ticks out (kht-count.c, cheapest_run); the mean of the best round, which has them, is
# there to compare.
def cost:
	{instructions: (map(.exit_cost) | min),
	 mean: (map(.host_insns / .exits | floor) | min),
	 exits: (map(.exits) | add),
	 rounds: length};

def by_tag($runs):
	. as $rounds
	| reduce $runs[] as $run ({from: 0, tags: {}};
		.tags[$run.tag] = ($rounds[.from:.from + $run.rounds] | cost)
		| .from += $run.rounds)
	| .tags;

def with_ratio:
	if .stock and .module then .ratio = .module.instructions / .stock.instructions
	else error("a run with the tag stock and one with the tag module are needed.") end;

def figures:
	.runs as $runs
	| .counts as $counts
	| ($runs | map(.rounds) | add // 0) as $rounds
	| (.flavour // "shim") as $flavour
	| {kernel, machine, flavour: $flavour,
	   cases: (cases($flavour) | map(
		.interval as $name
		| {name, limit}
		+ ($counts | map(select(.interval == $name)) | checked($name; $rounds) | by_tag($runs))
		| with_ratio))};

def left($n): . + " " * ($n - length);
def right($n): tostring | " " * ($n - length) + .;
def thousandths: . * 1000 | round | tostring | "\(.[:-3]).\(.[-3:])";

def table:
	("instructions an exit" | left(26)) + (["stock", "module", "ratio", "limit"] | map(right(8)) | add),
	(.cases[] | (.name | left(26)) +
		([.stock.instructions, .module.instructions, (.ratio | thousandths), (.limit | thousandths)]
		| map(right(8)) | add));

def verdicts:
	.cases[]
	| if .ratio <= .limit then "KHT-PASS \(.name)"
	  else "KHT-FAIL \(.name): \(.module.instructions) instructions an exit with the module, \(.stock.instructions) stock: the ratio \(.ratio | thousandths) is above \(.limit)" end;
