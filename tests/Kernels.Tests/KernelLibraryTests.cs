using OnnxMoe.Artifacts;

namespace OnnxMoe.Kernels.Tests;

public sealed class KernelLibraryTests
{
    [Fact]
    public void The_library_lies_beside_the_program() => Assert.Equal(AppContext.BaseDirectory, Path.GetDirectoryName(KernelLibrary.Locate()) + Path.DirectorySeparatorChar);

    [Fact]
    public void A_variable_that_names_no_file_is_an_error()
    {
        Environment.SetEnvironmentVariable(KernelLibrary.Variable, "/no/such/file.so");
        try
        {
            var error = Assert.Throws<UserError>(KernelLibrary.Locate);
            Assert.Equal("ONNXMOE_KERNELS names '/no/such/file.so', but there is no such file.", error.Message);
        }
        finally
        {
            Environment.SetEnvironmentVariable(KernelLibrary.Variable, null);
        }
    }
}
