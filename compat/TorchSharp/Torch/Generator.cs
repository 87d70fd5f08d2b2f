using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static Generator manual_seed(long seed) => random.manual_seed(seed);

    public static long seed() => random.seed();

    public static long initial_seed() => random.initial_seed();

    public static Tensor get_rng_state() => random.get_rng_state();

    public static void set_rng_state(Tensor new_state) => random.set_rng_state(new_state);

    /// <summary>The default generator.</summary>
    public static class random
    {
        public static long seed() => Generator.Default.seed();

        public static long initial_seed() => Generator.Default.initial_seed();

        public static Generator manual_seed(long seed) => Generator.Default.manual_seed(seed);

        public static Tensor get_rng_state() => Generator.Default.get_state();

        public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);
    }

    /// <summary>A source of random numbers with a state of its own.</summary>
    public class Generator : IDisposable
    {
        private static readonly Lazy<Generator> Shared = new(() => new Generator(Bridge.Check(Bridge.onnxmoe_torch_default_generator())));

        private nint _handle;

        public Generator(ulong seed = 0, Device? device = null)
        {
            this.device = InitializeDevice(device);
            _handle = Bridge.Check(Bridge.onnxmoe_torch_generator(seed));
        }

        private Generator(nint handle) => (_handle, device) = (handle, CPU);

        ~Generator() => Dispose(false);

        public static Generator Default => Shared.Value;

        public nint Handle => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(Generator));

        public Device device { get; }

        public Generator manual_seed(long seed)
        {
            Bridge.onnxmoe_torch_seed_generator(Handle, (ulong)seed);
            return this;
        }

        /// <summary>Seeds from the operating system, and returns the seed.</summary>
        public long seed() => (long)Bridge.onnxmoe_torch_reseed_generator(Handle);

        public long initial_seed() => (long)Bridge.onnxmoe_torch_generator_seed(Handle);

        public Tensor get_state() => new(Bridge.Check(Bridge.onnxmoe_torch_generator_state(Handle)));

        public void set_state(Tensor value) => Bridge.Check(Bridge.onnxmoe_torch_set_generator_state(Handle, value.Handle));

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            var handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
                Bridge.onnxmoe_torch_free_generator(handle);
        }
    }
}
