#include "engine.h"

// The engine of avx512vnni in plain C++, compiled for any processor: it lets the tests hold the panels and tiles of 64-byte vectors, and
// the codes increased by 128, on processors without them. It is only used when it is chosen by name.

namespace onnxmoe {
namespace {

constexpr int kVectorBytes = 64;
constexpr int kRows = 2;
constexpr int kQuantizedRows = 2;
constexpr int kVectors = 4;

#include "tile.inl"

inline IntVector DotQuads(IntVector sum, Bytes w, Bytes x) {
    const IntVector ws = reinterpret_cast<IntVector>(w), xs = reinterpret_cast<IntVector>(x);
    for (int shift = 0; shift < 32; shift += 8) sum += (ws >> shift & 255) * (xs << (24 - shift) >> 24);
    return sum;
}

#include "codes_vnni.inl"
#include "tile_codes.inl"

}  // namespace

extern const Engine kEmulated512Engine;
const Engine kEmulated512Engine = MakeEngine("emulated512");

}  // namespace onnxmoe
