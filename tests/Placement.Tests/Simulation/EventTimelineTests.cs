using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Tests.Simulation;

public sealed class EventTimelineTests
{
    [Fact]
    public void ATaskWaitsForWhatItDependsOnAndForItsResource()
    {
        var timeline = new EventTimeline();
        var (compute, link) = (timeline.AddResource("compute", 2), timeline.AddResource("link"));
        var send = timeline.Add(link, 3);
        var second = timeline.Add(link, 1);
        var early = timeline.Add(compute, 2, pieces: 3);
        var late = timeline.Add(compute, 1, [send, early]);
        var end = timeline.Add(EventTimeline.NoResource, 0.5, [late, second]);
        var run = timeline.Run();
        Assert.Equal([0, 3, 0, 4, 5], run.Start);
        Assert.Equal([3, 4, 4, 5, 5.5], run.Finish);
        Assert.Equal((5.5, 4, 7), (run.Makespan, run.Busy(link), run.Busy(compute)));
        Assert.Equal([early, late, end], run.CriticalChain());
        Assert.Equal(5.5, run.CriticalSeconds);
        Assert.Equal(7.0 / 11, run.Utilization(compute), 12);
    }

    [Fact]
    public void InTheGivenOrderUnitsWaitForTheirTaskAndElseTheyTakeWhatIsReady()
    {
        double Makespan(ResourceOrder order)
        {
            var timeline = new EventTimeline();
            var (compute, link) = (timeline.AddResource("compute", 1, order), timeline.AddResource("link"));
            var message = timeline.Add(link, 5);
            timeline.Add(compute, 1, [message]);
            timeline.Add(compute, 4);
            return timeline.Run().Makespan;
        }
        Assert.Equal(10, Makespan(ResourceOrder.Given));
        Assert.Equal(6, Makespan(ResourceOrder.Ready));
    }

    [Fact]
    public void AUnitThatWaitsDoesNotStopTheOtherOnes()
    {
        var timeline = new EventTimeline();
        var (compute, link) = (timeline.AddResource("compute", 2), timeline.AddResource("link"));
        var message = timeline.Add(link, 5);
        timeline.Add(compute, 1, [message]);
        var other = timeline.Add(compute, 4);
        Assert.Equal(0, timeline.Run().Start[other]);
    }

    [Theory]
    [InlineData(ResourceOrder.Given)]
    [InlineData(ResourceOrder.Ready)]
    public void RandomTimelinesKeepTheirBoundsAndNeverOverfillAResource(ResourceOrder order)
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var timeline = new EventTimeline();
            int[] capacities = [1 + random.Next(4), 1 + random.Next(4), 1];
            foreach (var capacity in capacities)
                timeline.AddResource("r", capacity, order);
            var tasks = new List<(int Resource, double Seconds, int[] After, int Pieces)>();
            for (var task = 0; task < 40; task++)
            {
                int[] after = task == 0 ? [] : [.. Enumerable.Range(0, random.Next(3)).Select(_ => random.Next(task))];
                tasks.Add((random.Next(-1, 3), random.Next(5), after, 1 + random.Next(6)));
                timeline.Add(tasks[task].Resource, tasks[task].Seconds, after, tasks[task].Pieces);
            }
            var run = timeline.Run();
            Assert.InRange(run.Makespan, run.CriticalSeconds - 1e-9, run.SerialSeconds + 1e-9);
            for (var r = 0; r < capacities.Length; r++)
            {
                var work = tasks.Where(t => t.Resource == r).Sum(t => t.Seconds * t.Pieces);
                Assert.Equal(work, run.Busy(r), 9);
                Assert.True(run.Makespan >= (work / capacities[r]) - 1e-9);
                // Tasks of one piece run without a break: at no start are there more of them than units.
                foreach (var start in run.Start)
                    Assert.True(Enumerable.Range(0, tasks.Count).Count(t => tasks[t].Resource == r && tasks[t].Pieces == 1 && run.Start[t] <= start && start < run.Finish[t]) <= capacities[r]);
            }
            Assert.All(Enumerable.Range(0, tasks.Count), t => Assert.All(tasks[t].After, before => Assert.True(run.Start[t] >= run.Finish[before])));
            Assert.Equal(run.Finish, timeline.Run().Finish);
        }
    }

    [Fact]
    public void WhatCannotBeIsRefused()
    {
        var timeline = new EventTimeline();
        Assert.Throws<ArgumentOutOfRangeException>(() => timeline.AddResource("none", 0));
        var link = timeline.AddResource("link");
        Assert.Throws<ArgumentOutOfRangeException>(() => timeline.Add(link, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => timeline.Add(link, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => timeline.Add(link + 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => timeline.Add(link, 1, [0]));
        Assert.Equal(0, timeline.Run().Makespan);
    }
}
