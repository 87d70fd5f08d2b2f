#include "team.h"

#include <thread>

namespace onnxmoe {

void Team::Share(int64_t count, int64_t batches, Context::Call call, void* data) {
    call_ = call;
    data_ = data;
    count_ = count;
    batches_ = std::clamp<int64_t>(batches, 1, UINT32_MAX);
    done_.store(0, std::memory_order_relaxed);
    const uint64_t number = (unclaimed_.load(std::memory_order_relaxed) >> 32) + 1;
    unclaimed_.store(number << 32 | static_cast<uint64_t>(batches_), std::memory_order_release);
    Help();
    for (int rounds = 0; done_.load(std::memory_order_acquire) < batches_;) Wait(rounds);
}

bool Team::Help() {
    int64_t done = 0;
    for (uint64_t seen = unclaimed_.load(std::memory_order_acquire); (seen & UINT32_MAX) != 0;) {
        const int64_t left = static_cast<int64_t>(seen & UINT32_MAX);
        // Large parts first, the last ones small, so that all end together.
        const int64_t taken = std::max<int64_t>(1, 3 * left / (4 * threads_));
        if (!unclaimed_.compare_exchange_weak(seen, seen - static_cast<uint64_t>(taken), std::memory_order_acq_rel)) continue;
        const int64_t first = batches_ - left;
        for (int64_t i = count_ * first / batches_, end = count_ * (first + taken) / batches_; i < end; i++) call_(data_, static_cast<size_t>(i));
        done += taken;
        seen = unclaimed_.load(std::memory_order_acquire);  // of the same work, which is not over without this thread's part
    }
    if (done > 0) done_.fetch_add(done, std::memory_order_release);
    return done > 0;
}

void Team::HelpUntilOver() {
    for (int rounds = 0; !over_.load(std::memory_order_acquire);) {
        if (Help())
            rounds = 0;
        else
            Wait(rounds);
    }
}

// A thread that waits long lets others have the core.
void Team::Wait(int& rounds) {
    constexpr int kPatience = 50'000;
    if (++rounds > kPatience) {
        std::this_thread::yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

int64_t Team::Threads() {
    static const int64_t threads = std::max<int64_t>(1, std::thread::hardware_concurrency());
    return threads;
}

}  // namespace onnxmoe
