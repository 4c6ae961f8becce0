// Encodes text as the core does, for tokenizers whose tables the page has. `bpe_lab/interop/browser.py` writes them.
// No class of code points is the browser's own: they come with the page, from the core's Unicode tables.

const N_BYTES = 256;
const [N_ONSETS, N_VOWELS, N_CODAS] = [19, 21, 27];
const FIRST_COMPAT = 0x3131;
const N_COMPAT = 51;
const CONTRACTIONS = "'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])";

// The ranges of a class, as they stand between the brackets of a regular expression.
function rangesOf(steps) {
  let [at, ranges] = [0, ""];
  steps.forEach((step, i) => {
    if (i % 2) ranges += `\\u{${at.toString(16)}}-\\u{${(at + step - 1).toString(16)}}`;
    at += step;
  });
  return ranges;
}

const patterns = {};

function patternOf(name) {
  patterns[name] ??= new RegExp(patternSource(name), "gu");
  return patterns[name];
}

function patternSource(name) {
  const { letter: L, number: N, space: S, not_lower: U, not_upper: C } = Object.fromEntries(
    Object.entries(data.classes).map(([key, steps]) => [key, rangesOf(steps)]),
  );
  const others = ` ?[^${S}${L}${N}]+`;
  const before = `[^\\r\\n${L}${N}]?`;
  const spaces = `[${S}]+(?![^${S}])`;
  return {
    gpt2: `'(?:[sdmt]|ll|ve|re)| ?[${L}]+| ?[${N}]+|${others}|${spaces}|[${S}]+`,
    cl100k: `${CONTRACTIONS}|${before}[${L}]+|[${N}]{1,3}|${others}[\\r\\n]*|[${S}]+$|[${S}]*[\\r\\n]|${spaces}|[${S}]`,
    llama3: `${CONTRACTIONS}|${before}[${L}]+|[${N}]{1,3}|${others}[\\r\\n]*|[${S}]*[\\r\\n]+|${spaces}|[${S}]+`,
    o200k:
      `${before}[${U}]*[${C}]+(?:${CONTRACTIONS})?|${before}[${U}]+[${C}]*(?:${CONTRACTIONS})?|` +
      `[${N}]{1,3}|${others}[\\r\\n/]*|[${S}]*[\\r\\n]+|${spaces}|[${S}]+`,
    none: "[^]+",
  }[name];
}

// Tables made ready: ranks and results by pair, and the numbers of the unit's own symbols.
function encoderOf({ pattern, unit, atoms, merges, same = {} }) {
  const name = unit.split(":")[0];
  const symbols = name === "syllable" ? syllableSymbols(atoms) : name.startsWith("jamo") ? jamoSymbols(unit) : byteSymbols();
  const pairs = new Map();
  for (let k = 0; 2 * k < merges.length; k++) {
    const pair = pairKey(merges[2 * k], merges[2 * k + 1]);
    if (!pairs.has(pair)) pairs.set(pair, { rank: k, result: same[k] ?? symbols.nBase + k });
  }
  return { pattern, pairs, symbols, known: new Map() };
}

const pairKey = (left, right) => left * 2 ** 21 + right;

// Where the bytes of each token of `text` end.
function endsOf(coder, text) {
  const ends = [];
  let at = 0;
  for (const [piece] of text.toWellFormed().matchAll(patternOf(coder.pattern))) {
    for (const size of sizesOf(coder, piece)) {
      at += size;
      ends.push(at);
    }
  }
  return ends;
}

// How many bytes each token of a piece owns.
function sizesOf(coder, piece) {
  let sizes = coder.known.get(piece);
  if (!sizes) {
    sizes = merged(coder, coder.symbols.of(piece)).map(({ size }) => size);
    coder.known.set(piece, sizes);
  }
  return sizes;
}

// Merges the listed pair of lowest rank, the first of its places, until none is left. Slow and obvious.
function merged({ pairs }, parts) {
  for (;;) {
    let [best, place] = [null, -1];
    for (let i = 0; i + 1 < parts.length; i++) {
      const found = pairs.get(pairKey(parts[i].symbol, parts[i + 1].symbol));
      if (found && (best === null || found.rank < best.rank)) [best, place] = [found, i];
    }
    if (best === null) return parts;
    const size = parts[place].size + parts[place + 1].size;
    parts.splice(place, 2, { symbol: best.result, size });
  }
}

const bytesOf = (text) => [...encoder.encode(text)].map((symbol) => ({ symbol, size: 1 }));

function byteSymbols() {
  return { nBase: N_BYTES, of: bytesOf };
}

function syllableSymbols(atoms) {
  const numbers = new Map([...atoms].map((char, i) => [char, N_BYTES + i]));
  const of = (char) => (numbers.has(char) ? [{ symbol: numbers.get(char), size: 3 }] : bytesOf(char));
  return { nBase: N_BYTES + numbers.size, of: (text) => [...text].flatMap(of) };
}

// Onset and vowel own a byte each and so does what closes the syllable; without coda and filler the vowel owns two.
function jamoSymbols(unit) {
  const [filler, compat] = ["filler", "compat"].map((option) => unit.split(":").includes(option));
  const onset = N_BYTES + (compat ? N_COMPAT : 0);
  const vowel = onset + N_ONSETS;
  const coda = vowel + N_VOWELS;
  const closing = coda + N_CODAS;
  const of = (char) => {
    const code = char.codePointAt(0);
    if (compat && code >= FIRST_COMPAT && code < FIRST_COMPAT + N_COMPAT) {
      return [{ symbol: N_BYTES + code - FIRST_COMPAT, size: 3 }];
    }
    if (code < FIRST_SYLLABLE || code > LAST_SYLLABLE) return bytesOf(char);
    const index = code - FIRST_SYLLABLE;
    const last = index % 28;
    const first = { symbol: onset + Math.floor(index / 588), size: 1 };
    const middle = { symbol: vowel + Math.floor((index % 588) / 28), size: last || filler ? 1 : 2 };
    if (last) return [first, middle, { symbol: coda + last - 1, size: 1 }];
    return filler ? [first, middle, { symbol: closing, size: 1 }] : [first, middle];
  };
  return { nBase: closing + (filler ? 1 : 0), of: (text) => [...text].flatMap(of) };
}
