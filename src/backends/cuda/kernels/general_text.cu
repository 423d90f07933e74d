// SPDX-License-Identifier: Apache-2.0
// TfIdfVectorizer: a thread per element of the output counts the n-grams of its column in a row of tokens. The table,
// in words: the pool; the first word and the length of each n-gram; where each column's n-grams begin; their weights.
INGOT_KERNEL(ngrams) {
  const i64* table = static_cast<const i64*>(p.table);
  const double* weights = static_cast<const double*>(p.table) + WEIGHTS;
  FOR_UNITS(unit) {
    const T0* tokens = IN(0) + unit / COLUMNS * LENGTH;
    const i64 column = unit % COLUMNS;
    double value = 0;
    for (i64 g = table[BEGINS + column]; g < table[BEGINS + column + 1]; ++g) {
      const i64* gram = table + table[GRAMS + 2 * g];
      const i64 n = table[GRAMS + 2 * g + 1], most = n == 1 ? 1 : SKIPS + 1;
      i64 count = 0;
      for (i64 step = 1; step <= most && (n - 1) * step < LENGTH; ++step) {
        for (i64 at = 0; at + (n - 1) * step < LENGTH; ++at) {
          i64 k = 0;
          while (k < n && static_cast<i64>(tokens[at + k * step]) == gram[k]) ++k;
          count += k == n ? 1 : 0;
        }
      }
      // Of several n-grams with one column, the last that occurs counts.
      if (count != 0) value = (ONCE != 0 ? 1.0 : static_cast<double>(count)) * weights[g];
    }
    put(TO(0), unit, value);
  }
}
