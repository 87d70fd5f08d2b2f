using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Artifacts.Tests.Support;
using DataTypes = Onnx.TensorProto.Types.DataType;

namespace OnnxMoe.Artifacts.Tests.Tensors;

public sealed class TensorProtoFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryTypeAndShapeSurvives()
    {
        foreach (var type in Some.NumericTypes)
            foreach (long[] shape in (long[][])[[], [1], [0, 3], [2, 3, 4]])
            {
                var tensor = Some.Tensor(type, shape);
                TensorProtoFile.Save(_folder["x.pb"], tensor, "x");
                Some.AssertEqual(tensor, TensorProtoFile.Load(_folder["x.pb"]));
            }
    }

    [Fact]
    public void TypedFieldsAreRead()
    {
        Some.AssertEqual(HostTensor.Vector(1.5f, -2f), Read(new() { DataType = 1, Dims = { 2 }, FloatData = { 1.5f, -2f } }));
        Some.AssertEqual(HostTensor.Vector(1.5), Read(new() { DataType = 11, Dims = { 1 }, DoubleData = { 1.5 } }));
        Some.AssertEqual(HostTensor.Vector(-5L), Read(new() { DataType = 7, Dims = { 1 }, Int64Data = { -5 } }));
        Some.AssertEqual(HostTensor.Vector(-5), Read(new() { DataType = 6, Dims = { 1 }, Int32Data = { -5 } }));
        Some.AssertEqual(HostTensor.Vector<short>(-5), Read(new() { DataType = 5, Dims = { 1 }, Int32Data = { -5 } }));
        Some.AssertEqual(HostTensor.Vector<sbyte>(-5), Read(new() { DataType = 3, Dims = { 1 }, Int32Data = { -5 } }));
        Some.AssertEqual(HostTensor.Vector<byte>(200), Read(new() { DataType = 2, Dims = { 1 }, Int32Data = { 200 } }));
        Some.AssertEqual(HostTensor.Vector(true, false), Read(new() { DataType = 9, Dims = { 2 }, Int32Data = { 1, 0 } }));
        Some.AssertEqual(HostTensor.Vector((Half)1.5), Read(new() { DataType = 10, Dims = { 1 }, Int32Data = { 0x3E00 } }));
        Some.AssertEqual(HostTensor.Vector(4_000_000_000u), Read(new() { DataType = 12, Dims = { 1 }, Uint64Data = { 4_000_000_000 } }));
        Some.AssertEqual(HostTensor.Vector(ulong.MaxValue), Read(new() { DataType = 13, Dims = { 1 }, Uint64Data = { ulong.MaxValue } }));
        Assert.Equal([0x80, 0x3F], Read(new() { DataType = 16, Dims = { 1 }, Int32Data = { 0x3F80 } }).Data);
    }

    [Fact]
    public void ExternalDataAreReadFromTheirPlace()
    {
        File.WriteAllBytes(_folder["data"], [9, 9, 1, 0, 2, 0]);
        var tensor = TensorProtoFile.ToHost(External("data", "2", "4"), _folder.Path);
        Assert.Equal([1, 2], tensor.AsSpan<short>().ToArray());
        Some.AssertEqual(tensor, TensorProtoFile.ToHost(External("data", "2", null), _folder.Path));
    }

    [Fact]
    public void RowsAreReadInTheOrderWanted()
    {
        File.WriteAllBytes(_folder["data"], [9, 9, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]);
        var external = External("data", "2", "12");
        external.Dims[0] = 3;
        external.Dims.Add(2);
        var inline = new TensorProto { Name = "w", DataType = (int)DataTypes.Int16, Dims = { 3, 2 }, Int32Data = { 1, 2, 3, 4, 5, 6 } };
        foreach (var proto in (TensorProto[])[external, inline])
        {
            var rows = TensorProtoFile.Rows(proto, [2, 0], _folder.Path);
            Assert.Equal([2, 2], rows.Shape);
            Assert.Equal([5, 6, 1, 2], rows.AsSpan<short>().ToArray());
            Assert.Throws<ArgumentException>(() => TensorProtoFile.Rows(proto, [3], _folder.Path));
        }
        File.WriteAllBytes(_folder["data"], new byte[13]);
        Assert.Contains("is truncated", Assert.Throws<UserError>(() => TensorProtoFile.Rows(external, [0], _folder.Path)).Message);
    }

    [Theory]
    [InlineData("../data", "0", "4", "not a path inside the model's folder")]
    [InlineData("a/../../data", "0", "4", "not a path inside")]
    [InlineData("/etc/passwd", "0", "4", "not a path inside")]
    [InlineData("", "0", "4", "not a path inside")]
    [InlineData("link", "0", "4", "a link that leaves")]
    [InlineData("none", "0", "4", "does not exist")]
    [InlineData("data", "3", "4", "is truncated")]
    [InlineData("data", "9223372036854775807", "4", "is truncated")]
    [InlineData("data", "0", "3", "needs 4 bytes, but its external data are said to have 3")]
    [InlineData("data", "-1", "4", "external offset '-1', which is not a whole number")]
    public void BadExternalDataAreExplained(string location, string offset, string length, string problem)
    {
        File.WriteAllBytes(_folder["data"], new byte[6]);
        File.CreateSymbolicLink(_folder["link"], "/etc/passwd");
        var error = Assert.Throws<UserError>(() => TensorProtoFile.ToHost(External(location, offset, length), _folder.Path, "model.onnx"));
        Assert.Contains("model.onnx: tensor 'w'", error.Message);
        Assert.Contains(problem, error.Message);
    }

    [Theory]
    [InlineData(8, "holds text")]
    [InlineData(14, "element type Complex64, which is not supported")]
    [InlineData(1, "of shape [2] needs 8 bytes of Float, but has 0")]
    public void UnsupportedTensorsAreExplained(int type, string problem) =>
        Assert.Contains(problem, Assert.Throws<UserError>(() => Read(new() { DataType = type, Dims = { 2 } })).Message);

    [Fact]
    public void AnythingElseIsNoTensor()
    {
        File.WriteAllText(_folder["x.pb"], "this is not protobuf");
        Assert.Contains("is not an ONNX tensor", Assert.Throws<UserError>(() => TensorProtoFile.Load(_folder["x.pb"])).Message);
    }

    private static HostTensor Read(TensorProto proto) => TensorProtoFile.ToHost(TensorProto.Parser.ParseFrom(proto.ToByteArray()));

    private static TensorProto External(string location, string offset, string? length)
    {
        var proto = new TensorProto { Name = "w", DataType = (int)DataTypes.Int16, Dims = { 2 }, DataLocation = TensorProto.Types.DataLocation.External };
        proto.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset });
        if (length != null)
            proto.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = length });
        return proto;
    }
}
