// Attention of a few query rows over one split, in the vectors of tile.inl, which comes first; see attention.h.
//
// Every score is summed over the head's elements, and every element of a context over the positions, one after the other, however
// many rows or columns are computed together: the block of registers may have any form.

// Few rows stand beside more vectors, so that the multiply-adds need not wait for each other: a power of two up to 8.
constexpr int VectorsBeside(int rows) {
    int vectors = 8;
    while (rows * vectors > kRows * kVectors) vectors /= 2;
    return vectors;
}

template <class Element>
constexpr bool StartsLine(int vector) {
    return vector * kWidth * sizeof(Element) % 64 == 0;
}

// scores [Rows, kSplit], from `column` on: query [size] times the keys of the next Vectors * kWidth positions. Meanwhile those after them
// come from memory, or when `end` is near, the first values.
template <int Rows, int Vectors, class Element>
void Scores(const float* const* query, const Split<Element>& split, int column, int end, float (*scores)[kSplit]) {
    const float* row[Rows];
    for (int r = 0; r < Rows; r++) row[r] = query[r];
    const Element* key[Vectors];
    const Element* next[Vectors];
    for (int v = 0; v < Vectors; v++) {
        const int here = column + v * kWidth, ahead = here + Vectors * kWidth;
        key[v] = split.keys[here / kGroup] + here % kGroup;
        next[v] = (ahead < end ? split.keys[ahead / kGroup] : split.values[v * kWidth / kGroup]) + ahead % kGroup;
    }
    Vector sum[Rows][Vectors] = {};
    for (int64_t k = 0; k < split.size; k++) {
        Vector weight[Vectors];
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; v++) weight[v] = Load(key[v] + k * kGroup);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; v++)
            if (StartsLine<Element>(v)) __builtin_prefetch(next[v] + k * kGroup);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; r++) {
            const Vector value = Fill(row[r][k]);
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; v++) sum[r][v] += value * weight[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; v++) Store(&scores[r][column + v * kWidth], sum[r][v]);
}

// The scores before `seen` become e^(score - largest), those from there to `end` (a multiple of kGroup) zero.
inline void Exponentials(float* scores, int seen, int end, float& largest, float& total) {
    for (int i = seen; i < end; i++) scores[i] = -__builtin_inff();
    Vector tops = Fill(-__builtin_inff());
    for (int i = 0; i < end; i += kWidth) {
        const Vector score = Load(scores + i);
        tops = score > tops ? score : tops;
    }
    float top = tops[0];
    for (int i = 1; i < kWidth; i++) top = tops[i] > top ? tops[i] : top;

    for (int i = 0; i < end; i += kWidth) Store(scores + i, Exp(Load(scores + i) - top));
    for (int i = seen; i < end; i++) scores[i] = 0.0f;  // Exp is never zero
    Vector sums = {};
    for (int i = 0; i < seen; i += kWidth) sums += Load(scores + i);
    float sum = 0.0f;
    for (int i = 0; i < kWidth; i++) sum += sums[i];
    largest = top;
    total = sum;
}

// A vector of which the rest of a head fills only `count`.
template <class Element>
Vector LoadStart(const Element* from, int64_t count) {
    Element start[kWidth] = {};
    for (int64_t i = 0; i < count; i++) start[i] = from[i];
    return Load(start);
}

// contexts [Rows] [column ...] = weights [Rows, kSplit] times the values of the first `positions`, Vectors * kWidth elements of each, or
// what remains of the head (IsRest).
template <int Rows, int Vectors, bool IsRest, class Element>
void Contexts(const float (*weights)[kSplit], const Split<Element>& split, int positions, int64_t column, float* const* contexts) {
    constexpr int kAhead = 4;  // groups: the next one alone would come too late from memory
    Vector sum[Rows][Vectors] = {};
    for (int first = 0; first < positions; first += kGroup) {
        const Element* value = split.values[first / kGroup] + column;
        const Element* next = split.values[first / kGroup + kAhead < kSplitGroups ? first / kGroup + kAhead : kSplitGroups - 1] + column;
        const int end = first + kGroup < positions ? first + kGroup : positions;
        for (int j = first; j < end; j++, value += split.size, next += split.size) {
            Vector weight[Vectors];
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; v++)
                weight[v] = IsRest ? LoadStart(value + v * kWidth, split.size - column - v * kWidth) : Load(value + v * kWidth);
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; v++)
                if (StartsLine<Element>(v)) __builtin_prefetch(next + v * kWidth);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; r++) {
                const Vector share = Fill(weights[r][j]);
#pragma GCC unroll 16
                for (int v = 0; v < Vectors; v++) sum[r][v] += share * weight[v];
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; v++) Store(contexts[r] + column + v * kWidth, sum[r][v]);
}

// All elements from `column` on, in strips of Vectors and less.
template <int Rows, int Vectors, class Element>
void AllContexts(const float (*weights)[kSplit], const Split<Element>& split, int positions, int64_t column, float* const* contexts) {
    if constexpr (Vectors > 0) {
        for (; column + Vectors * kWidth <= split.size; column += Vectors * kWidth)
            Contexts<Rows, Vectors, false>(weights, split, positions, column, contexts);
        AllContexts<Rows, Vectors / 2>(weights, split, positions, column, contexts);
    } else if (column < split.size) {
        Contexts<Rows, 1, true>(weights, split, positions, column, contexts);
    }
}

template <class Element, int Rows = kRows>
void Attend(const Split<Element>& split, const float* const* query, const int* seen, int rows, float* const* partials) {
    if constexpr (Rows > 0) {
        if (rows != Rows) {
            Attend<Element, Rows - 1>(split, query, seen, rows, partials);
            return;
        }
        constexpr int kBeside = VectorsBeside(Rows);
        alignas(kAlignment) float scores[Rows][kSplit];
        const int positions = seen[Rows - 1], end = (positions + kGroup - 1) / kGroup * kGroup;
        for (int column = 0; column < end; column += kBeside * kWidth) Scores<Rows, kBeside>(query, split, column, end, scores);
        float top[Rows], sum[Rows];
        for (int r = 0; r < Rows; r++) Exponentials(scores[r], seen[r], end, top[r], sum[r]);
        AllContexts<Rows, kBeside>(scores, split, positions, 0, partials);
        for (int r = 0; r < Rows; r++) {
            partials[r][split.size] = top[r];
            partials[r][split.size + 1] = sum[r];
        }
    }
}

void Merge(const float* later, int64_t size, float* partial) {
    const float old_top = partial[size], later_top = later[size], top = later_top > old_top ? later_top : old_top;
    const Vector keep = Exp(Fill(old_top - top)), add = Exp(Fill(later_top - top));
    const float sum = partial[size + 1] * keep[0] + later[size + 1] * add[0];
    for (int64_t i = 0; i < size; i += kWidth) Store(partial + i, Load(partial + i) * keep + Load(later + i) * add);
    partial[size] = top;
    partial[size + 1] = sum;
}

#ifndef ENGINE_WIDENS
// To the nearest half, ties to even.
inline Half NarrowFloat(float value) {
    union {
        float value;
        uint32_t bits;
    } number = {value};
    const uint32_t sign = number.bits >> 16 & 0x8000u;
    number.bits &= 0x7fffffffu;
    uint32_t half;
    if (number.bits > 0x7f800000u) {
        half = 0x7e00u;
    } else if (number.bits >= 0x477ff000u) {
        half = 0x7c00u;
    } else if (number.bits < 0x38800000u) {
        // Below the normal halves: adding one half rounds to multiples of 2^-24, the smallest half.
        number.value += 0.5f;
        half = number.bits - 0x3f000000u;
    } else {
        half = (number.bits - 0x38000000u + 0xfffu + (number.bits >> 13 & 1)) >> 13;
    }
    return {static_cast<uint16_t>(sign | half)};
}

inline void NarrowVector(const float* from, Half* to) {
    for (int i = 0; i < kWidth; i++) to[i] = NarrowFloat(from[i]);
}
#endif

void Narrow(const float* values, int64_t count, Half* halves) {
    int64_t i = 0;
    for (; i + kWidth <= count; i += kWidth) NarrowVector(values + i, halves + i);
    if (i == count) return;
    float rest[kWidth] = {};
    Half narrow[kWidth];
    for (int64_t j = i; j < count; j++) rest[j - i] = values[j];
    NarrowVector(rest, narrow);
    for (int64_t j = i; j < count; j++) halves[j] = narrow[j - i];
}
