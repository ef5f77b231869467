// What is to be run, out of the room's state: the setup that every question names, the settings that hold at a
// step, and the turning of a knob at a step.

// The setup of a state: only what its surface reads, so that the same race is always the same question.
export function setup({ surface, condition, formula, domain, start, seed, noise, settings, changes }) {
  return {
    ...surfaceChoice({ surface, condition, formula, domain }),
    ...(start.length ? { start } : {}), seed, noise, settings, changes,
  };
}

export function surfaceChoice({ surface, condition, formula, domain }) {
  if (surface === "ravine") return { surface, condition };
  return surface === "formula" ? { surface, formula, domain } : { surface };
}

// Every setting of every rule, and the noise, in the step after a step. `first` is what the surface begins with.
export function settingsAt(step, first, { settings, noise, changes }) {
  const found = structuredClone(first);
  for (const [rule, own] of Object.entries(settings)) Object.assign(found[rule], own);
  let level = noise;
  for (const [at, rule, name, value] of changes) {
    if (at > step) break;
    if (rule === "noise") level = value;
    else found[rule][name] = value;
  }
  return { rules: found, noise: level };
}

// The state with a knob turned at a step, as { settings, noise, changes }: what had been turned after it belongs
// to a future that will not be. At step 0 it is what the race begins with.
export function turned(step, [rule, name, value], first, { settings, noise, changes }) {
  const before = changes.filter(([at, other, own]) => at < step || (at === step && (other !== rule || own !== name)));
  if (step > 0) return { settings, noise, changes: [...before, [step, rule, name, value]] };
  if (rule === "noise") return { settings, noise: value, changes: [] };
  return { settings: differing({ ...settings, [rule]: { ...settings[rule], [name]: value } }, first), noise, changes: [] };
}

// Settings that differ from the first ones.
export function differing(settings, first) {
  const found = {};
  for (const [rule, own] of Object.entries(settings)) {
    const others = Object.entries(own).filter(([name, value]) => value !== first[rule][name]);
    if (others.length) found[rule] = Object.fromEntries(others);
  }
  return found;
}
