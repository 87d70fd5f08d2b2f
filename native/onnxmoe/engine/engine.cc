#include "engine.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace onnxmoe {

extern const Engine kPlainEngine;
extern const Engine kEmulated512Engine;
#ifdef ONNXMOE_X86
extern const Engine kAvx512VnniEngine;
extern const Engine kAvx512Engine;
extern const Engine kAvxVnniEngine;
extern const Engine kAvx2Engine;
#endif

namespace {

// Whether this processor (and the operating system) can run the engine.
bool Runs(const Engine& engine) {
#ifdef ONNXMOE_X86
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    if (&engine == &kAvx512VnniEngine) return avx512 && __builtin_cpu_supports("avx512vnni");
    if (&engine == &kAvx512Engine) return avx512;
    if (&engine == &kAvxVnniEngine) return avx2 && __builtin_cpu_supports("avxvnni");
    if (&engine == &kAvx2Engine) return avx2;
#endif
    return &engine == &kPlainEngine || &engine == &kEmulated512Engine;
}

// The first that runs here and has the name ("auto": any name), or null.
const Engine* Find(const char* name) {
    static constexpr const Engine* kBestFirst[] = {
#ifdef ONNXMOE_X86
        &kAvx512VnniEngine, &kAvx512Engine,     &kAvxVnniEngine, &kAvx2Engine,
#endif
        &kPlainEngine,      &kEmulated512Engine};
    for (const Engine* engine : kBestFirst)
        if (Runs(*engine) && (std::strcmp(name, "auto") == 0 || std::strcmp(name, engine->name) == 0)) return engine;
    return nullptr;
}

std::atomic<const Engine*>& Current() {
    static std::atomic<const Engine*> current = [] {
        const char* wanted = std::getenv("ONNXMOE_INSTRUCTIONS");
        const Engine* engine = wanted == nullptr ? nullptr : Find(wanted);
        return engine == nullptr ? Find("auto") : engine;
    }();
    return current;
}

}  // namespace

const Engine& CurrentEngine() { return *Current(); }

bool ChooseEngine(const char* name) {
    const Engine* engine = Find(name);
    if (engine == nullptr) return false;
    Current() = engine;
    return true;
}

}  // namespace onnxmoe
