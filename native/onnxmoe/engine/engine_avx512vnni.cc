#include <immintrin.h>

#include "engine.h"

namespace onnxmoe {
namespace {

#include "avx512.inl"

inline IntVector DotQuads(IntVector sum, Bytes w, Bytes x) {
    return reinterpret_cast<IntVector>(
        _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(w), reinterpret_cast<__m512i>(x)));
}

#include "codes_vnni.inl"
#include "tile_codes.inl"

}  // namespace

extern const Engine kAvx512VnniEngine;
const Engine kAvx512VnniEngine = MakeEngine("avx512vnni");

}  // namespace onnxmoe
