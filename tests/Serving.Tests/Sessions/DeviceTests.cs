using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Tests.Sessions;

public sealed class DeviceTests
{
    [Theory]
    [InlineData("cpu", null)]
    [InlineData("CUDA", 0)]
    [InlineData("cuda:3", 3)]
    public void NamesAreRead(string text, int? id) => Assert.Equal(new Device(id), Device.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("gpu")]
    public void OtherNamesAreRefused(string text) => Assert.Contains($"'{text}'", Assert.Throws<UserError>(() => Device.Parse(text)).Message);
}
