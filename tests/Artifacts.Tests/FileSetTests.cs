using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests;

public sealed class FileSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NothingIsVisibleBeforePublishing()
    {
        File.WriteAllText(_folder["a"], "old");
        using var files = new FileSet(_folder.Path);
        File.WriteAllText(files.PathOf("a"), "new");
        File.WriteAllText(files.PathOf("b"), "new");
        Assert.Equal("old", File.ReadAllText(_folder["a"]));
        files.Publish();
        Assert.Equal("new", File.ReadAllText(_folder["a"]));
        Assert.Equal(["a", "b"], _folder.Names);
    }

    [Fact]
    public void WithoutPublishingNothingStays()
    {
        using (var files = new FileSet(_folder.Path))
            File.WriteAllText(files.PathOf("a"), "new");
        Assert.Empty(_folder.Names);
    }
}
