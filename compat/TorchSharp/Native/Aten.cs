using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace TorchSharp.Native;

/// <summary>
/// Calls ATen operators by name ("add.Tensor": name and overload) through libtorch's dispatcher, so that autograd records
/// them. Arguments stand in the order of the operator's schema; missing trailing ones take the schema's defaults.
/// </summary>
internal static unsafe class Aten
{
    private const int StackWords = 48;

    private static readonly ConcurrentDictionary<string, nint> Operators = new();

    /// <summary>The one tensor that the operator returns.</summary>
    internal static torch.Tensor Call(string name, params ReadOnlySpan<Argument> arguments)
    {
        NativeArgument result;
        Invoke(name, arguments, &result, 1);
        return new torch.Tensor(result.Handle);
    }

    /// <summary>Runs an operator that changes its first argument, and returns that.</summary>
    internal static torch.Tensor InPlace(string name, params ReadOnlySpan<Argument> arguments)
    {
        Invoke(name, arguments, null, 0);
        return arguments[0].Tensor;
    }

    /// <summary>Runs an operator for its effect.</summary>
    internal static void Run(string name, params ReadOnlySpan<Argument> arguments) => Invoke(name, arguments, null, 0);

    /// <summary>The two tensors that the operator returns.</summary>
    internal static (torch.Tensor, torch.Tensor) Pair(string name, params ReadOnlySpan<Argument> arguments)
    {
        var results = stackalloc NativeArgument[2];
        Invoke(name, arguments, results, 2);
        return (new(results[0].Handle), new(results[1].Handle));
    }

    /// <summary>All tensors that the operator returns, in lists or not.</summary>
    internal static torch.Tensor[] Many(string name, params ReadOnlySpan<Argument> arguments)
    {
        const int Usual = 16;
        var results = stackalloc NativeArgument[Usual];
        var count = Invoke(name, arguments, results, Usual);
        if (count <= Usual)
            return Adopt(new Span<NativeArgument>(results, count));
        var all = new NativeArgument[count];
        fixed (NativeArgument* p = all)
            Bridge.onnxmoe_torch_results(p);
        return Adopt(all);
    }

    /// <summary>The number or truth value (1 or 0) that the operator returns.</summary>
    internal static double Number(string name, params ReadOnlySpan<Argument> arguments)
    {
        NativeArgument result;
        Invoke(name, arguments, &result, 1);
        return result.Tag == Tag.Double ? result.Real : result.Integer;
    }

    private static torch.Tensor[] Adopt(ReadOnlySpan<NativeArgument> results)
    {
        var tensors = new torch.Tensor[results.Length];
        for (var i = 0; i < tensors.Length; i++)
            tensors[i] = new torch.Tensor(results[i].Handle);
        return tensors;
    }

    [SkipLocalsInit]
    private static int Invoke(string name, ReadOnlySpan<Argument> arguments, NativeArgument* results, int capacity)
    {
        if (!Operators.TryGetValue(name, out var operation))
            operation = Find(name);
        var needed = 0;
        foreach (ref readonly var argument in arguments)
            needed += argument.Words;
        var stack = stackalloc long[StackWords];
        fixed (long* heap = needed > StackWords ? new long[needed] : null)
        {
            var words = heap is null ? stack : heap;
            var native = stackalloc NativeArgument[arguments.Length];
            for (var i = 0; i < arguments.Length; i++)
            {
                arguments[i].Write(native + i, words);
                words += arguments[i].Words;
            }
            var count = Bridge.onnxmoe_torch_call(operation, native, arguments.Length, results, capacity);
            if (count < 0)
                throw Bridge.Failure();
            return count;
        }
    }

    private static nint Find(string name)
    {
        var dot = name.IndexOf('.');
        var operation = dot < 0 ? Bridge.onnxmoe_torch_operator(name, "") : Bridge.onnxmoe_torch_operator(name[..dot], name[(dot + 1)..]);
        return Operators[name] = Bridge.Check(operation);
    }
}
