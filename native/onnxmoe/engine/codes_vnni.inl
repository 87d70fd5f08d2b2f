// The sums of tile_codes.inl with one instruction for four products. The including file defines
//   DotQuads(IntVector sum, Bytes w, Bytes x): sum + the products of the unsigned bytes w and the signed x, four neighbours added together

#define ENGINE_DOT_PRODUCTS
// Unsigned bytes on the left: codes are stored increased by 128.
struct Int8Codes {
    static constexpr int kOffset = 128, kBits = 8;
    using Sum = IntVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) { return DotQuads(sum, w, x); }
    static IntVector Total(Sum sum) { return sum; }
};

struct Int4Codes {
    static constexpr int kOffset = 8, kBits = 4;
    using Sum = IntVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) { return DotQuads(sum, w, x); }
    static IntVector Total(Sum sum) { return sum; }
};
