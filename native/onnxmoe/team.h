#pragma once

#include <atomic>
#include <cstdint>

#include "context.h"

namespace onnxmoe {

// Threads that stay together for many short pieces of parallel work, waiting without sleep in between: to hand out work costs them a
// tenth of what it costs ONNX Runtime's pool, from which they come. One leads: it runs the program, and the others help whenever it has
// work for several. Help that comes late, or never, makes it slower but not wrong: who claims work also does it.
class Team {
   public:
    // Runs lead(team) on the first of the session's threads to come, with the help of the others.
    template <class Lead>
    static void Run(OrtKernelContext* context, const Lead& lead);

    // For the leader: as Context::Run.
    void Share(int64_t count, int64_t batches, Context::Call call, void* data);

   private:
    explicit Team(int64_t threads) : threads_(threads) {}

    // Does some of the work at hand; false if nobody need begin any more.
    bool Help();
    void HelpUntilOver();
    static void Wait(int& rounds);
    static int64_t Threads();

    int64_t threads_;

    // The work at hand: stays as it is until all that was claimed is done.
    Context::Call call_ = nullptr;
    void* data_ = nullptr;
    int64_t count_ = 0, batches_ = 0;

    // Number of the work in the high half, batches of it that nobody has claimed in the low one: a claim is one of the right work.
    alignas(64) std::atomic<uint64_t> unclaimed_{0};
    alignas(64) std::atomic<int64_t> done_{0};
    alignas(64) std::atomic<bool> led_{false};
    std::atomic<bool> over_{false};
};

template <class Lead>
void Team::Run(OrtKernelContext* context, const Lead& lead) {
    struct Job {
        const Lead& lead;
        Team team;
        std::exception_ptr failure;
    } job{lead, Team(Threads()), {}};
    const auto call = [](void* data, size_t) {
        Job& job = *static_cast<Job*>(data);
        if (job.team.led_.exchange(true)) return job.team.HelpUntilOver();
        try {
            job.lead(job.team);
        } catch (...) {
            job.failure = std::current_exception();
        }
        job.team.over_.store(true, std::memory_order_release);
    };
    Check(ort->KernelContext_ParallelFor(context, call, job.team.threads_, job.team.threads_, &job));
    if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace onnxmoe
