// The processes of an MPI job as a group of servers. In MPI the names of communicators and types differ from one implementation to the
// next; here they are hidden behind plain C functions. All of them return 0, an error code of MPI, or kStopped.
//
// Whoever waits polls, and sleeps after a while: the waiting calls of MPI keep a processor busy, also while a server has nothing to do. And a wait
// for a process that is gone never ends, so that it must be possible to give it up.
#include <mpi.h>
#ifdef OPEN_MPI
#include <mpi-ext.h>
#endif
#include <sched.h>
#include <time.h>

#include <cstdint>
#include <cstring>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kStopped = -1;
constexpr int kEagerPolls = 2000;  // with a hint to the scheduler between them
constexpr int kShortSleeps = 10'000;
constexpr long kShortSleep = 100'000, kLongSleep = 1'000'000;  // nanoseconds

int Wait(MPI_Request request, const volatile int32_t* stop) {
    for (int polls = 0; *stop == 0; polls++) {
        int done = 0;
        if (int error = MPI_Test(&request, &done, MPI_STATUS_IGNORE); error != MPI_SUCCESS) return error;
        if (done) return MPI_SUCCESS;
        if (polls < kEagerPolls) {
            sched_yield();
        } else {
            timespec pause{0, polls < kEagerPolls + kShortSleeps ? kShortSleep : kLongSleep};
            nanosleep(&pause, nullptr);
        }
    }
    return kStopped;
}

std::vector<int> Offsets(const int32_t* counts, int size) {
    std::vector<int> offsets(size);
    for (int rank = 1; rank < size; rank++) offsets[rank] = offsets[rank - 1] + counts[rank - 1];
    return offsets;
}

void Copy(const char* from, char* text, int size) {
    std::strncpy(text, from, size - 1);
    text[size - 1] = 0;
}

}  // namespace

// Joins the job; rank and size of it are written.
EXPORT int onnxmoe_mpi_join(int32_t* rank, int32_t* size) {
    int provided = 0;
    if (int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided); error != MPI_SUCCESS) return error;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (provided < MPI_THREAD_SERIALIZED) return MPI_ERR_OTHER;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, size);
    return MPI_SUCCESS;
}

// Rank 0 gives bytes to all others. stop: not 0 gives the wait up.
EXPORT int onnxmoe_mpi_broadcast(void* data, int32_t bytes, const volatile int32_t* stop) {
    MPI_Request request;
    if (int error = MPI_Ibcast(data, bytes, MPI_BYTE, 0, MPI_COMM_WORLD, &request); error != MPI_SUCCESS) return error;
    return Wait(request, stop);
}

// Each rank gives each other one so many numbers.
EXPORT int onnxmoe_mpi_exchange_counts(const int32_t* send, int32_t* receive, int32_t each, const volatile int32_t* stop) {
    MPI_Request request;
    if (int error = MPI_Ialltoall(send, each, MPI_INT32_T, receive, each, MPI_INT32_T, MPI_COMM_WORLD, &request); error != MPI_SUCCESS) return error;
    return Wait(request, stop);
}

// Each rank gives each other one rows, which stand in the order of the ranks.
EXPORT int onnxmoe_mpi_exchange_rows(const void* send, const int32_t* send_counts, void* receive, const int32_t* receive_counts, int32_t row_bytes,
                                     const volatile int32_t* stop) {
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    auto send_offsets = Offsets(send_counts, size), receive_offsets = Offsets(receive_counts, size);
    MPI_Datatype row;
    MPI_Type_contiguous(row_bytes, MPI_BYTE, &row);
    MPI_Type_commit(&row);
    MPI_Request request;
    int error = MPI_Ialltoallv(send, send_counts, send_offsets.data(), row, receive, receive_counts, receive_offsets.data(), row, MPI_COMM_WORLD, &request);
    if (error == MPI_SUCCESS) error = Wait(request, stop);
    MPI_Type_free(&row);
    return error;
}

// What an error code means.
EXPORT void onnxmoe_mpi_describe(int32_t error, char* text, int32_t size) {
    char message[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(error, message, &length);
    Copy(message, text, size);
}

// Which MPI this is: the first words of what it says of itself.
EXPORT void onnxmoe_mpi_version(char* text, int32_t size) {
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    MPI_Get_library_version(version, &length);
    version[std::strcspn(version, ",\n")] = 0;
    Copy(version, text, size);
}

// 1 when MPI can be given memory of a GPU. Only Open MPI and its kin can be asked.
EXPORT int onnxmoe_mpi_cuda_aware() {
#ifdef MPIX_CUDA_AWARE_SUPPORT
    return MPIX_Query_cuda_support();
#else
    return 0;
#endif
}

// Leaves the job; returns when all ranks do.
EXPORT int onnxmoe_mpi_leave() { return MPI_Finalize(); }
