#include "engine.h"

// The engine of avx512vnni in plain C++, compiled for any processor: it lets the tests hold the panels and tiles of 64-byte vectors, and
// the codes increased by 128, on processors without them. It is only used when it is chosen by name.

namespace onnxmoe {
namespace {

constexpr int kVectorBytes = 64;
constexpr int kRows = 6;
constexpr int kQuantizedRows = 4;
constexpr int kVectors = 4;

#include "tile.inl"

inline IntVector DotQuads(IntVector sum, Bytes w, Bytes x) {
    for (int i = 0; i < kWidth; i++)
        for (int j = 4 * i; j < 4 * i + 4; j++) sum[i] += static_cast<uint8_t>(w[j]) * x[j];
    return sum;
}

#include "codes_vnni.inl"
#include "tile_codes.inl"

}  // namespace

extern const Engine kEmulated512Engine;
const Engine kEmulated512Engine = MakeEngine("emulated512");

}  // namespace onnxmoe
