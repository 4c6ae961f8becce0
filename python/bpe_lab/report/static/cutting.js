// Byte ends of tokens to what is shown of them. Pure: text and numbers in, plain objects out.

const encoder = new TextEncoder();
const ONSETS = [..."ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"];
const VOWELS = [..."ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"];
const CODAS = [..."ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"];
const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
const NAMED = { "\n": "⏎", "\t": "⇥", "\r": "␍", " ": "␣" };
const INVISIBLE = /^[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\p{M}]$/u;

// Characters of `text` with the place of their bytes.
function charactersOf(text) {
  const found = [];
  let start = 0;
  for (const char of text) {
    const end = start + encoder.encode(char).length;
    found.push({ char, start, end });
    start = end;
  }
  return found;
}

// Tokens of `text`, each with its bytes' place and its parts: whole characters, or a share of one.
function tokensOf(text, ends, unit) {
  const characters = charactersOf(text);
  const bytes = encoder.encode(text);
  let start = 0;
  let first = 0;
  return ends.map((end) => {
    while (first < characters.length && characters[first].end <= start) first++;
    const parts = [];
    for (let i = first; i < characters.length && characters[i].start < end; i++) {
      parts.push(partOf(characters[i], start, end, unit));
    }
    const token = { start, end, bytes: bytes.slice(start, end), parts };
    start = end;
    return token;
  });
}

function partOf({ char, start, end }, from, to, unit) {
  const [a, b] = [Math.max(from, start) - start, Math.min(to, end) - start];
  const n = end - start;
  if (a === 0 && b === n) return { char };
  return { char, first: a === 0, share: shareOf(char, a, b, n, unit) };
}

// What of a cut character lies in the token: bytes by number, jamo by name.
function shareOf(char, a, b, n, unit) {
  const code = char.codePointAt(0);
  if (unit.startsWith("jamo") && code >= FIRST_SYLLABLE && code <= LAST_SYLLABLE) {
    return jamoOf(code - FIRST_SYLLABLE, unit.includes("filler")).slice(a, b).join("");
  }
  return `${a + 1}${b > a + 1 ? `–${b}` : ""}/${n}`;
}

// The jamo that own a syllable's three bytes; without coda and filler the vowel owns two.
function jamoOf(index, filler) {
  const coda = index % 28;
  const last = coda ? CODAS[coda - 1] : filler ? "∅" : "";
  return [ONSETS[Math.floor(index / 588)], VOWELS[Math.floor((index % 588) / 28)], last];
}

// How many characters lie in more than one token.
function nCut(tokens) {
  return tokens.reduce((n, token) => n + token.parts.filter((part) => part.share && part.first).length, 0);
}

function visible(char) {
  if (NAMED[char]) return { text: NAMED[char], escape: true };
  if (!INVISIBLE.test(char)) return { text: char, escape: false };
  return { text: `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`, escape: true };
}
