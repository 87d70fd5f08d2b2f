using System.Buffers.Binary;
using System.Text;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests.Tensors;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryTypeAndShapeSurvives()
    {
        var tensors = new Dictionary<string, HostTensor>();
        foreach (var type in Some.NumericTypes)
        {
            tensors[$"{type}"] = Some.Tensor(type, 3, 5);
            tensors[$"{type}.scalar"] = Some.Tensor(type);
            tensors[$"{type}.empty \"é\""] = Some.Tensor(type, 0, 4);
        }
        Safetensors.Save(_folder["x"], tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var loaded = Safetensors.Load(_folder["x"]);
        Assert.Equal(tensors.Count, loaded.Count);
        foreach (var (name, tensor) in tensors)
            Some.AssertEqual(tensor, loaded[name]);
        using var reader = SafetensorsReader.Open(_folder["x"]);
        Assert.Equal("pt", reader.Metadata["format"]);
        Assert.All(reader.Entries, entry => Assert.Equal(0, entry.Begin % Math.Max(1, (entry.End - entry.Begin) / Math.Max(1, entry.Shape.Aggregate(1L, (a, b) => a * b)))));
    }

    [Fact]
    public void TheBytesAreThoseOfTheFormat()
    {
        Safetensors.Save(_folder["x"], new Dictionary<string, HostTensor> { ["a"] = HostTensor.Vector<short>(1, 2) });
        var bytes = File.ReadAllBytes(_folder["x"]);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        Assert.Equal("""{"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}""", Encoding.UTF8.GetString(bytes, 8, length).TrimEnd());
        Assert.Equal([1, 0, 2, 0], bytes[(8 + length)..]);
    }

    [Fact]
    public void TheOrderOfTheTensorsDoesNotMatter()
    {
        var (a, b) = (Some.Tensor(ElementType.Float, 2), Some.Tensor(ElementType.Int64, 2));
        Safetensors.Save(_folder["x"], new Dictionary<string, HostTensor> { ["a"] = a, ["b"] = b });
        Safetensors.Save(_folder["y"], new Dictionary<string, HostTensor> { ["b"] = b, ["a"] = a });
        Assert.Equal(Checksums.Sha256(_folder["x"]), Checksums.Sha256(_folder["y"]));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""", 4, "not valid JSON")]
    [InlineData("""[1]""", 4, "does not start with '{'")]
    [InlineData("""{"a":3}""", 4, "tensor 'a' lacks a proper dtype, shape or data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "tensor 'a' lacks a proper")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "tensor 'a' lacks a proper")]
    [InlineData("""{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4, "tensor 'a' has the unknown dtype 'F33'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "tensor 'a' lies at bytes 0 to 8, but the file has 4 bytes of data")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "tensor 'a' lies at bytes 4 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "tensor 'a' of shape [2] and dtype F32 does not fill its 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,0]}}""", 0, "does not fill its 0 bytes")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "tensor 'a' of shape [3] and dtype F4 does not fill")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}""", 4, "tensor 'b' overlaps")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}""", 4, "hole of 1 bytes before tensor 'b'")]
    [InlineData("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}""", 4, "its last 1 bytes belong to no tensor")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 4, "it names 'a' twice")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "holds a value that is not text, 'a'")]
    public void ABrokenHeaderIsExplained(string header, int dataLength, string problem)
    {
        WriteFile((ulong)header.Length, header, dataLength);
        var error = Assert.Throws<UserError>(() => SafetensorsReader.Open(_folder["x"]));
        Assert.StartsWith($"{_folder["x"]} is not a valid safetensors file: ", error.Message);
        Assert.Contains(problem, error.Message);
    }

    [Theory]
    [InlineData(100_000_001ul, "more than the 100000000 allowed")]
    [InlineData(ulong.MaxValue, "more than the 100000000 allowed")]
    [InlineData(50ul, "is it truncated?")]
    public void AWrongHeaderLengthIsExplained(ulong length, string problem)
    {
        WriteFile(length, "{}", 0);
        Assert.Contains(problem, Assert.Throws<UserError>(() => SafetensorsReader.Open(_folder["x"])).Message);
    }

    [Fact]
    public void EveryTruncationIsRefused()
    {
        Safetensors.Save(_folder["x"], new Dictionary<string, HostTensor> { ["a"] = Some.Tensor(ElementType.Float, 3) });
        var bytes = File.ReadAllBytes(_folder["x"]);
        for (var length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(_folder["y"], bytes[..length]);
            Assert.Throws<UserError>(() => SafetensorsReader.Open(_folder["y"]));
        }
    }

    [Fact]
    public void ATensorOfEightBitsIsListedButNotRead()
    {
        const string Header = """{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}""";
        WriteFile((ulong)Header.Length, Header, 4);
        using var reader = SafetensorsReader.Open(_folder["x"]);
        Assert.Equal("F8_E4M3", reader.Entries.Single().DataType);
        Assert.Contains("F8_E4M3, which is not supported", Assert.Throws<UserError>(() => reader.Read("a")).Message);
        Assert.Contains("no tensor 'b'", Assert.Throws<UserError>(() => reader.Read("b")).Message);
    }

    private void WriteFile(ulong length, string header, int dataLength)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        File.WriteAllBytes(_folder["x"], [.. prefix, .. Encoding.UTF8.GetBytes(header), .. new byte[dataLength]]);
    }
}
