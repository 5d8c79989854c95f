"""The notebooks' claims about the records. Each function raises AssertionError if one is false.

The bounds are loose, because every recording differs a little. The notebooks' titles state the
figures themselves.
"""

from timing_log import FIRST_WORK, JOBS

# One sign-up


def all_work_is_done_in_the_request(log, sign_ups):
    lanes = set(log["lane"])
    left = (sign_ups["done"] - sign_ups["page"]).max()
    assert lanes == {"request"}, f"Work ran outside the request's thread: {lanes}."
    assert left < 0.001, f"Work went on for {left:.3f} s after a page was back."


def the_picture_is_most_of_the_wait(wait):
    share = wait["resize picture"] / wait.sum()
    assert share > 0.5, f"The picture is only {share:.0%} of the wait."


def other_servers_are_most_of(rest):
    share = (rest["fetch joke"] + rest["send mail"]) / rest.sum()
    assert share > 0.5, f"Without the picture, other servers are only {share:.0%} of the wait."


def a_profile_is_created_inside_save_with_signals_only(log):
    ends = log.pivot(index=["step", "sign_up"], columns="event", values="end")
    inside = (ends["create profile"] <= ends["save user"]).groupby("step").mean()
    assert inside["step2_signals"] == 1, f"In step 2, {inside['step2_signals']:.0%} were inside."
    assert inside["step1_sync_signup"] == 0, f"In step 1, {inside['step1_sync_signup']:.0%} were."


def slow_work_begins_after_save(log):
    times = log.pivot(index="sign_up", columns="event", values=["start", "end"])
    for event in FIRST_WORK:
        early = (times["start", event] < times["end", "save user"]).sum()
        assert early == 0, f"In {early} sign-ups, {event!r} began inside save()."


def signals_change_no_wait(page1, page2):
    ratio = page2 / page1
    assert 0.9 < ratio < 1.1, f"Step 2's visitors wait {ratio:.2f} times as long as step 1's."


def mails_are_sent_in_threads_of_the_web_process(log):
    lanes = set(log.loc[log["event"] == "send mail", "lane"])
    elsewhere = (log["process"] != log["request_process"]).sum()
    assert all(lane.startswith("thread mail") for lane in lanes), f"Mails were sent in {lanes}."
    assert elsewhere == 0, f"{elsewhere} pieces of work ran in another process than their request."


def a_thread_saves_its_own_time(saved, moved):
    assert 0.6 < saved / moved < 1.4, (
        f"The thread works {moved:.2f} s, but the page is back {saved:.2f} s earlier."
    )


def the_page_waits_for_no_worker(log, sign_ups):
    slow = log[log["event"].isin(JOBS)]
    early = (slow["ended"] < slow["sign_up"].map(sign_ups["page"])).sum()
    in_web = (~slow["lane"].str.startswith("worker process")).sum()
    assert in_web == 0, f"{in_web} pieces of slow work ran in the web process."
    assert early == 0, f"{early} pieces of slow work had ended before their page was back."


def the_hash_is_the_largest_piece(wait):
    assert wait.idxmax() == "hash password", f"The largest piece is {wait.idxmax()!r}."


def the_outbox_costs_the_visitor_little(page4, page5):
    ratio = page5 / page4
    assert ratio < 1.33, f"Step 5's page takes {ratio:.2f} times as long as step 4's."


def each_queue_beats_the_thread_and_the_thread_the_view(pages):
    step1, step2, step3, step4, step5 = pages.median()
    slowest, fastest = pages.max().iloc[3:].max(), pages.min().iloc[:3].min()
    assert step3 < min(step1, step2), f"Step 3's page takes {step3:.2f} s, step 1's {step1:.2f} s."
    assert max(step4, step5) < step1 / 5, f"Steps 4 and 5 take {step4:.2f} and {step5:.2f} s."
    assert slowest < fastest, f"Steps 4 and 5 take up to {slowest:.2f} s, others {fastest:.2f} s."


def the_picture_takes_hardly_longer_than_its_sleep(resize, sleep):
    assert resize - sleep < 1, f"Beyond its sleep, the picture takes {resize - sleep:.2f} s."


# A burst


def the_pool_limits_mails_but_not_pictures(mails, pictures):
    assert mails <= 4, f"{mails} mails were under way in a pool of four threads."
    assert pictures > 2 * mails, f"Only {pictures} pictures were under way at the same time."


def the_queue_empties(waiting):
    assert waiting.max() > 0, "Nothing ever waited."
    assert waiting.iloc[-1] == 0, f"In the end, {waiting.iloc[-1]} were still waiting."


def as_many_tasks_run_as_there_are_workers(most):
    for workers, tasks in most.items():
        assert tasks == workers, f"At most {tasks} tasks were under way with {workers} workers."


def every_page_is_back_before_the_first_picture(burst):
    ends = burst.groupby("event")["end"]
    lead = ends.min()["resize picture"] - ends.max()["sign-up"]
    assert lead > 0, f"A picture was done {-lead:.1f} s before the last page."


def twice_the_workers_take_about_half_the_time(drained):
    for few, many in [(1, 2), (2, 4)]:
        ratio = drained[few] / drained[many]
        assert 1.3 < ratio < 2.7, f"{few} workers took {ratio:.1f} times as long as {many}."


def a_burst_of_sleeps_is_done_sooner_without_a_limit(unlimited, limited):
    assert unlimited < limited, f"Step 3 took {unlimited:.0f} s, two workers {limited:.0f} s."


def the_priority_shortens_the_longest_wait(longest, without):
    assert longest < 0.6 * without, f"The last mail waited {longest:.1f}, not {without:.1f} s."


# A kill


def a_kill_loses_what_it_interrupts(jobs):
    interrupted = jobs.loc[jobs["cut_off"], "done"]
    kept = jobs.loc[~jobs["cut_off"], "done"].mean()
    assert len(interrupted) > 0, "The kill interrupted nothing."
    assert not interrupted.any(), f"{interrupted.sum()} interrupted jobs were done in the end."
    assert kept > 0.7, f"Only {kept:.0%} of what the kill didn't interrupt was done."


def a_kill_loses_nothing(jobs):
    assert jobs["cut_off"].any(), "The kill interrupted nothing."
    assert jobs["done"].all(), f"{(~jobs['done']).sum()} jobs were never done."


def work_begins_again_after_its_lease(leases):
    assert leases.min() > 0.9, f"Work began again after {leases.min():.2f} leases."
    assert leases.max() < 4, f"Work began again only after {leases.max():.2f} leases."


def only_the_outbox_loses_nothing(lost, signups):
    least, most = lost["min"].unstack(), lost["max"].unstack()
    for step in ["step1_sync_signup", "step2_signals"]:
        assert least.loc[step].min() > 0.8 * signups, f"{step} lost only {least.loc[step].min()}."
    thread = least.loc["step3_threading"]
    waited_for = most.loc["step3_threading", "Ctrl-C"]
    queue, outbox = most.loc["step4_huey"].max(), most.loc["step5_outbox"].max()
    assert thread.drop("Ctrl-C").min() > 0.8 * signups, f"Step 3 lost only {thread.to_dict()}."
    assert waited_for == 0, f"On Ctrl-C, step 3 lost {waited_for}."
    assert 0 < queue < signups, f"Step 4 lost {queue} of {signups}."
    assert outbox == 0, f"Step 5 lost {outbox}."


# Limits


def the_visitors_clock_runs_longer(more):
    assert more.min() > 0, f"A visitor had the answer {-more.min():.3f} s before it left the site."
    assert more.median() < 0.1, f"The way there and back took {more.median():.2f} s."


def queued_pages_are_nearer_to_the_least(ratios):
    queued = ratios[ratios.index.str.contains("Step [45]")].max()
    others = ratios[ratios.index.str.contains("Step [12]")].min()
    assert queued < others, f"A queue's page takes {queued:.2f}, one without {others:.2f}."


def nobody_gets_an_error(errors):
    assert errors == 0, f"{errors} sign-ups were answered with an error."


def threads_help_a_page_that_waits(waits, computes):
    (few, many), gain = waits, computes[1] / computes[0]
    assert many > few, f"Where the page waits, more threads answer {many:.1f}, fewer {few:.1f}."
    assert gain < 2, f"Where the page computes, more threads answer {gain:.1f} times as many."


def size_hardly_matters(growth):
    by_rows = growth["1000000 users"].max()
    full = growth.loc["repair", "100000 jobs"] / growth.loc["repair", "1000 jobs"]
    assert by_rows < 2, (
        f"With 100,000 times the users, something takes {by_rows:.1f} times as long."
    )
    assert full < 2, f"With 100 times the jobs, the repair takes {full:.1f} times as long."


def the_default_hash_is_most_of_the_page(page, argon2_page, wait):
    ratio, share = page / argon2_page, wait["hash password"] / wait.sum()
    assert ratio > 2, f"With PBKDF2, the visitor waits only {ratio:.1f} times as long."
    assert share > 0.5, f"PBKDF2 is only {share:.0%} of the page's time."


def a_large_png_costs_more_than_a_jpeg(png, jpeg):
    assert png > 3 * jpeg, f"A large PNG costs {png:.2f}, a JPEG {jpeg:.2f}."


def decoding_is_most_of_a_large_picture(ratios):
    assert ratios.max() < 2, f"A picture takes {ratios.max():.2f} times as long as its decoding."


def a_busy_web_process_slows_its_threads_most(in_thread, in_worker):
    assert in_thread > 1.5, f"In a thread, the resize took only {in_thread:.1f} times as long."
    assert in_worker < 0.75 * in_thread, f"It took {in_thread:.1f}, in a worker {in_worker:.1f}."


def workers_that_wait_add_up(mails):
    gain = mails["thread x 4"] / mails["thread x 1"]
    assert gain > 2, f"Four threads send only {gain:.1f} times the mails of one."


def queues_that_forget_a_task_lose_it(lost, keeping):
    wrong = set(lost.index[lost > 0]) ^ (set(lost.index) - keeping)
    assert not wrong, f"These lost otherwise than described: {sorted(wrong)}."


def no_fault_loses_anything(faults, lease, skew):
    lost = faults["lost"].sum()
    assert lost == 0, f"{lost} sign-ups were lost."
    for fault, seconds in faults["seconds"].items():
        limit = 60 + 6 * lease + (skew if "clocks" in fault else 0)
        assert seconds < limit, f"With {fault}, the last work was done after {seconds:.0f} s."


def consumers_that_wait_add_up(rates):
    gain = (rates.loc[4] / rates.loc[1]).min()
    assert gain > 2, f"Four consumers send only {gain:.1f} times the mails of one."


def the_repair_hardly_grows(few, many):
    assert many < 3 * few, f"With many users and jobs, the repair takes {many / few:.1f} as long."


def web_servers_need_most(paper):
    web, postgres, redis = paper.iloc[[1, 3, 4]]
    assert web > postgres, "PostgreSQL needs more processors than the web servers."
    assert postgres > redis, "Redis needs more processors than PostgreSQL."
