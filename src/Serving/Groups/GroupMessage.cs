using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Groups;

/// <summary>The runs that rank 0 gives another rank, and what comes of them, as bytes.</summary>
internal static class GroupMessage
{
    /// <summary>Runs of a step.</summary>
    /// <param name="pages">How many pages the rank is to have for its caches.</param>
    /// <param name="runs">Those at home there.</param>
    /// <param name="kept">Inputs that the rank has itself.</param>
    public static byte[] Of(int pages, IReadOnlyList<GraphRun> runs, IReadOnlySet<string> kept) => Written(writer =>
    {
        writer.Write(pages);
        writer.Write(runs.Count);
        foreach (var run in runs)
        {
            writer.Write(run.Request);
            long[] requests = [.. run.TokenRequests ?? []];
            writer.Write(requests.Length);
            writer.Write(MemoryMarshal.AsBytes(requests.AsSpan()));
            bool[] before = [.. run.ComputedBefore ?? []];
            writer.Write(before.Length);
            writer.Write(MemoryMarshal.AsBytes(before.AsSpan()));
            var inputs = run.Inputs.Where(input => !kept.Contains(input.Key)).ToArray();
            writer.Write(inputs.Length);
            foreach (var (name, value) in inputs)
            {
                writer.Write(name);
                Write(writer, value);
            }
            writer.Write(run.Outputs.Count);
            foreach (var (name, _) in run.Outputs)
                writer.Write(name);
        }
    });

    /// <summary>Reads runs.</summary>
    /// <param name="message">What <see cref="Of(int, IReadOnlyList{GraphRun}, IReadOnlySet{string})"/> made.</param>
    /// <param name="home">Where this rank's sequences are at home.</param>
    /// <returns>Their inputs are the caller's.</returns>
    public static (int Pages, GraphRun[] Runs) ReadRuns(byte[] message, Home home)
    {
        using var reader = new BinaryReader(new MemoryStream(message), Encoding.UTF8);
        var pages = reader.ReadInt32();
        var runs = new GraphRun[reader.ReadInt32()];
        for (var i = 0; i < runs.Length; i++)
        {
            var request = reader.ReadInt64();
            var requests = MemoryMarshal.Cast<byte, long>(reader.ReadBytes(reader.ReadInt32() * sizeof(long))).ToArray();
            var before = MemoryMarshal.Cast<byte, bool>(reader.ReadBytes(reader.ReadInt32())).ToArray();
            var inputs = new Dictionary<string, OrtValue>();
            for (var left = reader.ReadInt32(); left > 0; left--)
                inputs[reader.ReadString()] = ReadValue(reader);
            var outputs = new (string, bool)[reader.ReadInt32()];
            for (var output = 0; output < outputs.Length; output++)
                outputs[output] = (reader.ReadString(), false);
            runs[i] = new(inputs, outputs)
            {
                Request = request,
                Home = home,
                TokenRequests = requests.Length > 0 ? requests : null,
                ComputedBefore = before.Length > 0 ? before : null,
            };
        }
        return (pages, runs);
    }

    /// <summary>What became of a rank's runs.</summary>
    /// <param name="counted">What the rank has counted meanwhile.</param>
    /// <param name="results">One for each run.</param>
    public static byte[] Of(long[] counted, IReadOnlyList<GraphResult> results) => Written(writer =>
    {
        writer.Write(counted.Length);
        writer.Write(MemoryMarshal.AsBytes(counted.AsSpan()));
        foreach (var result in results)
        {
            writer.Write(result.Problem?.Message ?? "");
            OrtValue[] values = result.Problem is null ? result.Values : [];
            writer.Write(values.Length);
            foreach (var value in values)
                Write(writer, value);
        }
    });

    /// <summary>Reads what became of runs.</summary>
    /// <param name="message">What <see cref="Of(long[], IReadOnlyList{GraphResult})"/> made.</param>
    /// <param name="runs">How many there were.</param>
    public static (long[] Counted, GraphResult[] Results) ReadResults(byte[] message, int runs)
    {
        using var reader = new BinaryReader(new MemoryStream(message), Encoding.UTF8);
        var counted = MemoryMarshal.Cast<byte, long>(reader.ReadBytes(reader.ReadInt32() * sizeof(long))).ToArray();
        var results = new GraphResult[runs];
        for (var i = 0; i < runs; i++)
        {
            var problem = reader.ReadString();
            var values = new OrtValue[reader.ReadInt32()];
            for (var value = 0; value < values.Length; value++)
                values[value] = ReadValue(reader);
            results[i] = problem.Length > 0 ? new(new InvalidOperationException(problem)) : new(values);
        }
        return (counted, results);
    }

    private static byte[] Written(Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, Encoding.UTF8))
            write(writer);
        return stream.ToArray();
    }

    private static void Write(BinaryWriter writer, OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var bytes = value.GetTensorMutableRawData();
        writer.Write((int)info.ElementDataType);
        writer.Write(info.Shape.Length);
        writer.Write(MemoryMarshal.AsBytes(info.Shape.AsSpan()));
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    private static OrtValue ReadValue(BinaryReader reader)
    {
        var type = (TensorElementType)reader.ReadInt32();
        var shape = MemoryMarshal.Cast<byte, long>(reader.ReadBytes(reader.ReadInt32() * sizeof(long))).ToArray();
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, shape);
        reader.BaseStream.ReadExactly(value.GetTensorMutableRawData()[..reader.ReadInt32()]);
        return value;
    }
}
