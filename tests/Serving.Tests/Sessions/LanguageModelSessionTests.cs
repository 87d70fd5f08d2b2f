using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Sessions;

public sealed class LanguageModelSessionTests
{
    [Fact]
    public void ABatchInPiecesGivesWhatEachRowGivesAtOnce()
    {
        using var scratch = new Scratch();
        TinyModel.WriteRandom(scratch.Folder);
        using var session = SessionFactory.Open(scratch.PathOf("model.onnx"), new Device(null), 1, null);
        var model = new LanguageModelSession(session, ModelManifest.Load(scratch.Folder).LanguageModel!, new Device(null));
        long[][] rows = [[1, 2, 3, 4, 5], [9, 8, 7, 6, 5]];

        using var cache = model.NewCache(2);
        using var prefill = model.Forward([1, 2, 3, 9, 8, 7], cache);
        using var second = model.Forward([4, 6], cache);
        using var third = model.Forward([5, 5], cache, routingWeights: true);
        Assert.Equal(5, cache.Length);
        Assert.Equal([new RoutingSite(0)], model.RoutedLayers);
        for (var row = 0; row < 2; row++)
        {
            using var alone = model.NewCache(1);
            using var whole = model.Forward(rows[row], alone, routingWeights: true);
            AssertClose(whole.Logits(0, 1), prefill.Logits(row, 1));
            AssertClose(whole.Logits(0, 3), second.Logits(row, 0));
            AssertClose(whole.Logits(0, 4), third.Logits(row, 0));
            Assert.Equal(whole.ExpertIndices(0)[8..].ToArray(), third.ExpertIndices(0).Slice(row * 2, 2).ToArray());
            AssertClose(whole.ExpertWeights(0)[8..], third.ExpertWeights(0).Slice(row * 2, 2));
        }
    }

    [Fact]
    public void CachesOfAnyShapeAndTypeAreCarriedOn()
    {
        using var scratch = new Scratch();
        TinyModel.WriteOddCaches(scratch.Folder);
        using var session = SessionFactory.Open(scratch.PathOf("model.onnx"), new Device(null), 1, null);
        var model = new LanguageModelSession(session, ModelManifest.Load(scratch.Folder).LanguageModel!, new Device(null));
        Assert.Equal(sizeof(long) + 3 * 8 * sizeof(float), model.CacheBytesPerToken);
        using var whole = model.NewCache(2);
        using var expected = model.Forward([1, 2, 3, 4, 9, 8, 7, 6], whole);

        using var cache = model.NewCache(2);
        model.Forward([1, 2, 9, 8], cache).Dispose();
        model.Forward([3, 7], cache).Dispose();
        using var last = model.Forward([4, 6], cache);
        for (var row = 0; row < 2; row++)
            AssertClose(expected.Logits(row, 3), last.Logits(row, 0));
        using var forgetful = model.NewCache(2);
        using var alone = model.Forward([4, 6], forgetful);
        Assert.NotEqual(alone.Logits(0, 0).ToArray(), last.Logits(0, 0).ToArray());
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-4f);
    }
}
