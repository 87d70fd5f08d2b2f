using System.Text;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests.Tensors;

public sealed class NpyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryTypeAndShapeSurvives()
    {
        foreach (var type in Some.NumericTypes.Where(type => type != ElementType.BFloat16))
            foreach (long[] shape in (long[][])[[], [1], [7], [0, 3], [2, 3, 4]])
            {
                var tensor = Some.Tensor(type, shape);
                Npy.Save(_folder["x.npy"], tensor);
                Some.AssertEqual(tensor, Npy.Load(_folder["x.npy"]));
            }
    }

    [Fact]
    public void TheHeaderIsNumPys()
    {
        Npy.Save(_folder["x.npy"], HostTensor.Vector(1f, 2f));
        var bytes = File.ReadAllBytes(_folder["x.npy"]);
        Assert.Equal("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", Encoding.Latin1.GetString(bytes, 10, 118).TrimEnd());
        Assert.Equal(128 + 8, bytes.Length);
        Assert.Equal([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, 118, 0], bytes[..10]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void FortranOrderAndBigEndianAreConverted(byte version)
    {
        Write(version, "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6);
        var tensor = Npy.Load(_folder["x.npy"]);
        Assert.Equal([2, 3], tensor.Shape);
        Assert.Equal([1, 2, 3, 4, 5, 6], tensor.AsSpan<short>().ToArray());
    }

    [Theory]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "NumPy type 'c8'")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "damaged .npy header, or holds records")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "impossible shape")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "should hold 8 bytes")]
    public void AWrongFileIsExplained(string header, string problem)
    {
        Write(1, header, 0, 0, 0, 0);
        Assert.Contains(problem, Assert.Throws<UserError>(() => Npy.Load(_folder["x.npy"])).Message);
    }

    [Fact]
    public void NumPyHasNoBFloat16() =>
        Assert.Contains("no BFloat16", Assert.Throws<UserError>(() => Npy.Save(_folder["x.npy"], Some.Tensor(ElementType.BFloat16, 1))).Message);

    private void Write(byte version, string header, params byte[] data)
    {
        byte[] length = version == 1 ? [(byte)header.Length, 0] : [(byte)header.Length, 0, 0, 0];
        File.WriteAllBytes(_folder["x.npy"], [0x93, .. "NUMPY"u8, version, 0, .. length, .. Encoding.Latin1.GetBytes(header), .. data]);
    }
}
